"""Named transforms: pure functions from one value to another, composed in a mapping's `with`."""
