"""The feature kernel on a Spark session that the user brings. Its modules import PySpark inside functions."""
