"""Where the numbers of trainings are sent while they run: TensorBoard, MLflow, Weights & Biases."""
