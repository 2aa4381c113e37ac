//! The gRPC conversations of Vesta: generated code, one module per `.proto` file, and the conversions
//! between wire and domain. Everything that comes in is checked here, once.

macro_rules! generated {
    ($(#[$doc:meta])* $name:ident, $package:literal) => {
        $(#[$doc])*
        #[allow(missing_docs, clippy::all, clippy::unwrap_used)]
        pub mod $name {
            tonic::include_proto!($package);
        }
    };
}

generated!(
    /// Master to master.
    raft, "vesta.raft.v1"
);
generated!(
    /// What the others say of Spark.
    spark, "vesta.spark.v1"
);
generated!(
    /// Worker to master.
    worker, "vesta.worker.v1"
);
generated!(
    /// Client to master.
    client, "vesta.client.v1"
);
generated!(
    /// Application (its driver) to master.
    application, "vesta.application.v1"
);

pub mod answer;
pub mod application_convert;
pub mod checks;
pub mod client_convert;
pub mod error;
pub mod spark_convert;
pub mod worker_convert;

pub use error::ConvertError;

/// Metadata key of every answer of a master that hears a leader: the client addresses of all masters,
/// separated by commas. So one address that works is enough, however the others have changed.
pub const MEMBERS: &str = "vesta-members";
