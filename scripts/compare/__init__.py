"""Vesta's masters and Spark's own, measured side by side: what `scripts/spark-compare` runs."""
