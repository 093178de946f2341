"""A bank that telephones its clients: lead conversion in date order."""
