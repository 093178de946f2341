"""CDNOW, a music shop: churn of customers without a contract."""
