"""A television provider: churn with the costs of each subscriber."""
