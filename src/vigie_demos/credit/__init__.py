"""Give Me Some Credit: default within two years."""
