"""The gRPC services of a node: the course's and the native ones."""
