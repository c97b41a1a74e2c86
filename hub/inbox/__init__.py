"""The inbox: deliveries, their queue, records (the archive) and where each record stands."""
