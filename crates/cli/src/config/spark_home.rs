//! A Spark home, as a worker is told of it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A directory with a Spark in it; in a file also with the Java that runs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SparkHome {
    /// The directory.
    pub path: PathBuf,
    /// The directory with `bin/java` in it.
    pub java_home: Option<PathBuf>,
}

impl FromStr for SparkHome {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<SparkHome, Self::Err> {
        if text.is_empty() {
            return Err("a Spark home is the directory that has Spark's jars directory in it");
        }
        Ok(SparkHome {
            path: text.into(),
            java_home: None,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    path: PathBuf,
    java_home: Option<PathBuf>,
}

impl<'de> Deserialize<'de> for SparkHome {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<SparkHome, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = SparkHome;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "\"/opt/spark\" or { path = \"/opt/spark\", java_home = \"/opt/java\" }",
                )
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<SparkHome, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<SparkHome, A::Error> {
                let Table { path, java_home } =
                    Table::deserialize(MapAccessDeserializer::new(map))?;
                Ok(SparkHome { path, java_home })
            }
        }

        deserializer.deserialize_any(Either)
    }
}
