"""What a developer runs from the repository's root."""
