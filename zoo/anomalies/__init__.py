"""Finding anomalies: drawn defects, how scores rank, and what a training is stopped by."""
