"""Side by side with others: the same network, batch, data and number of updates, in turn."""
