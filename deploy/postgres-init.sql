-- Run once by the postgres image, in an empty volume: Dagster's own database beside the hub's.
CREATE DATABASE dagster OWNER lead_hub;
