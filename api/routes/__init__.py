"""The addresses of the door, one module a subject. An endpoint reads its request and calls a service."""
