"""What a model is given, in memory, in files or batch by batch: checked, and made into batches."""
