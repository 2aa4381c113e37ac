//! The wire protocol of Apache Spark's standalone clusters, as a master speaks it.
