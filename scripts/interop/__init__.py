"""Unmodified Apache Spark against a cluster of Vesta masters: what `scripts/spark-interop` runs."""
