"""The outside door: JSON API, sign-in, problem details, two plain pages."""
