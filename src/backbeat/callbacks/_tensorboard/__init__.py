"""The parts of the TensorBoard callback."""
