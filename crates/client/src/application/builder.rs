//! What an application registers as.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::mpsc;
use vesta_proto::application::{RegisterReply, RegisterRequest};
use vesta_proto::application_convert;
use vesta_types::{
    ApplicationDescription, DriverRun, Launch, ProfileRequest, ResourceProfile, SubmissionKey,
};

use super::{ApplicationClient, ApplicationEvent};
use crate::{Client, ClientError, ClientOptions, MasterList, Refusal, new_key};

/// Memory of an executor unless another amount is named, as in Spark (`spark.executor.memory`), in MiB.
pub const EXECUTOR_MEMORY_MIB: u64 = 1024;

/// Pause between two heartbeats of a session: a sixtieth of the default lease.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// Why the environment doesn't describe an application.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvError {
    /// A variable that must be there is not.
    #[error("{name} is not set: {wanted}")]
    Missing {
        /// The variable.
        name: &'static str,
        /// What would be right.
        wanted: &'static str,
    },
    /// A variable has a value that can't be taken.
    #[error("{name}: {reason}")]
    Bad {
        /// The variable.
        name: &'static str,
        /// What is wrong with its value, and what would be right.
        reason: String,
    },
}

/// An application that is about to register. Its key is made with it: however often the registration
/// is sent, it is one application.
#[derive(Clone, Debug)]
pub struct ApplicationBuilder {
    key: SubmissionKey,
    masters: MasterList,
    name: String,
    launch: Launch,
    max_cores: Option<u32>,
    executor_cores: Option<u32>,
    executor_memory_mib: u64,
    executor_named: BTreeMap<String, u32>,
    target: Option<u32>,
    more_profiles: BTreeMap<u32, ProfileRequest>,
    max_executor_retries: Option<i32>,
    run_to_completion: bool,
    owner: Option<DriverRun>,
    ui_url: String,
    payload: Vec<u8>,
    heartbeat: Duration,
    options: ClientOptions,
}

macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident: $kind:ty;)*) => { $(
        $(#[$doc])*
        pub fn $name(mut self, $name: $kind) -> ApplicationBuilder {
            self.$name = $name;
            self
        }
    )* };
}

impl ApplicationBuilder {
    /// An application of these masters that starts `launch` as each executor. Without more it asks for
    /// executors of all the cores that a worker has free and 1 GiB, without limit.
    pub fn new(masters: MasterList, launch: Launch) -> ApplicationBuilder {
        ApplicationBuilder {
            key: new_key(),
            masters,
            name: "application".into(),
            launch,
            max_cores: None,
            executor_cores: None,
            executor_memory_mib: EXECUTOR_MEMORY_MIB,
            executor_named: BTreeMap::new(),
            target: None,
            more_profiles: BTreeMap::new(),
            max_executor_retries: None,
            run_to_completion: false,
            owner: None,
            ui_url: String::new(),
            payload: Vec::new(),
            heartbeat: HEARTBEAT,
            options: ClientOptions::default(),
        }
    }

    /// What a worker tells a driver that it starts: `VESTA_MASTER` (required); `VESTA_NAME`,
    /// `VESTA_EXECUTOR_CORES`, `VESTA_EXECUTOR_MEMORY_MIB` and `VESTA_TOTAL_EXECUTOR_CORES` as they
    /// were submitted; `VESTA_DRIVER_ID`, `VESTA_ATTEMPT` and `VESTA_RESTART` (in cluster mode), with
    /// which the application ends when this run of the driver does.
    ///
    /// # Errors
    /// The variable that is missing or can't be taken.
    pub fn from_env(launch: Launch) -> Result<ApplicationBuilder, EnvError> {
        Self::from_variables(launch, |name| std::env::var(name).ok())
    }

    /// The run of a driver that this process is, as a worker's environment names it; `None` in client
    /// mode.
    ///
    /// # Errors
    /// The variable that is missing or can't be taken.
    pub fn owner_from_env() -> Result<Option<DriverRun>, EnvError> {
        owner(&|name| std::env::var(name).ok())
    }

    pub(crate) fn from_variables(
        launch: Launch,
        variable: impl Fn(&'static str) -> Option<String>,
    ) -> Result<ApplicationBuilder, EnvError> {
        let masters = variable("VESTA_MASTER").ok_or(EnvError::Missing {
            name: "VESTA_MASTER",
            wanted: "the masters, as in vesta://m1:7700,m2:7700,m3:7700",
        })?;
        let masters = masters
            .parse()
            .map_err(|error: crate::MasterListError| EnvError::Bad {
                name: "VESTA_MASTER",
                reason: error.to_string(),
            })?;
        let mut builder = ApplicationBuilder::new(masters, launch);
        if let Some(name) = variable("VESTA_NAME") {
            builder.name = name;
        }
        builder.executor_cores = number(&variable, "VESTA_EXECUTOR_CORES")?;
        if let Some(mib) = number(&variable, "VESTA_EXECUTOR_MEMORY_MIB")? {
            builder.executor_memory_mib = mib;
        }
        builder.max_cores = number(&variable, "VESTA_TOTAL_EXECUTOR_CORES")?;
        builder.owner = owner(&variable)?;
        Ok(builder)
    }

    setters! {
        /// Its name, for people.
        name: String;
        /// The most cores that its executors may take together; `None` is no limit.
        max_cores: Option<u32>;
        /// Cores of each executor; `None` is all that a worker has free.
        executor_cores: Option<u32>;
        /// Memory of each executor in MiB. Booked, not enforced.
        executor_memory_mib: u64;
        /// How many addresses of each named resource every executor gets, such as `gpu` → 1.
        executor_named: BTreeMap<String, u32>;
        /// How many executors it wants; `None` is as many as `max_cores` allows.
        target: Option<u32>;
        /// How often executors may fail in a row before the application fails: `None` as the cluster
        /// does, -1 without limit.
        max_executor_retries: Option<i32>;
        /// Whether an executor that exits with 0 has done its part: the target, which must be given
        /// then, falls by one, and with the last one the application is FINISHED. Otherwise it is
        /// replaced, as in Spark.
        run_to_completion: bool;
        /// The run of a cluster-mode driver that it belongs to: it ends with it.
        owner: Option<DriverRun>;
        /// Where its user looks at it: an http address, or empty.
        ui_url: String;
        /// Bytes that each executor gets as they are.
        payload: Vec<u8>;
        /// Pause between two heartbeats to each master; far below the cluster's application lease.
        heartbeat: Duration;
        /// How patient one attempt of a call is. The application itself never gives up.
        options: ClientOptions;
    }

    /// One more resource profile, beside the default one (number 0), which the other settings describe;
    /// another one of the same number takes its place. Each has its own target; `max_cores` is for all
    /// of them together.
    pub fn profile(mut self, wanted: ProfileRequest) -> ApplicationBuilder {
        self.more_profiles.insert(wanted.profile.id, wanted);
        self
    }

    /// The key of its registration.
    pub fn key(&self) -> SubmissionKey {
        self.key
    }

    /// Registers, for as long as it takes; drop the future to give up. Then it follows the leader until
    /// the application has ended or the client is dropped.
    ///
    /// Events come on the receiver, whose channel is bounded: an application that doesn't read them
    /// loses none that matters, since they are computed from what it has not been told yet.
    ///
    /// # Errors
    /// `Refused` or `NotAllowed`, when a master says no.
    pub async fn register(
        self,
    ) -> Result<(ApplicationClient, mpsc::Receiver<ApplicationEvent>), ClientError> {
        let client = Client::with_options(&self.masters, self.options.clone());
        let request = self.request();
        crate::client::fits(&request)?;
        let send = |channel| {
            let request = request.clone();
            async move { super::client::stub(channel).register(request).await }
        };
        let reply = super::client::persist(&client, self.key, "the registration", send).await?;
        self.follow(client, reply)
    }

    /// As [`ApplicationBuilder::register`], but gives up when the deadline of its options is over.
    ///
    /// # Errors
    /// See [`ClientError`]. After `Unknown` the application may be registered; nobody holds it then, so
    /// it ends when its lease is over.
    pub async fn register_in_time(
        self,
    ) -> Result<(ApplicationClient, mpsc::Receiver<ApplicationEvent>), ClientError> {
        let client = Client::with_options(&self.masters, self.options.clone());
        let request = self.request();
        crate::client::fits(&request)?;
        let send = |channel| {
            let request = request.clone();
            async move { super::client::stub(channel).register(request).await }
        };
        let reply = client.write(self.key, send).await?;
        self.follow(client, reply)
    }

    fn follow(
        self,
        client: Client,
        reply: RegisterReply,
    ) -> Result<(ApplicationClient, mpsc::Receiver<ApplicationEvent>), ClientError> {
        let app = reply
            .app_id
            .parse()
            .map_err(|error: vesta_types::IdError| {
                let message = format!("the master's answer can't be understood: {error}");
                ClientError::Refused {
                    reason: Refusal::Invalid,
                    message,
                }
            })?;
        tracing::info!(%app, duplicate = reply.duplicate, "registered");
        let configured = self.masters.addresses().to_vec();
        let connect = self.options.connect;
        Ok(ApplicationClient::follow(
            client,
            app,
            reply,
            configured,
            self.heartbeat,
            connect,
        ))
    }

    fn request(&self) -> RegisterRequest {
        let default = ProfileRequest {
            profile: ResourceProfile {
                id: 0,
                cores: self.executor_cores,
                memory_mib: self.executor_memory_mib,
                named: self.executor_named.clone(),
            },
            target: self.target,
        };
        let more = self.more_profiles.clone();
        let description = ApplicationDescription {
            name: self.name.clone(),
            launch: self.launch.clone(),
            max_cores: self.max_cores,
            profiles: [(0, default)].into_iter().chain(more).collect(),
            max_executor_retries: self.max_executor_retries.unwrap_or_default(),
            run_to_completion: self.run_to_completion,
            owner: self.owner.clone(),
            ui_url: self.ui_url.clone(),
            payload: self.payload.clone(),
            spark: None,
        };
        let max_executor_retries = self.max_executor_retries;
        RegisterRequest {
            max_executor_retries,
            ..application_convert::registration(self.key, description)
        }
    }
}

fn owner(
    variable: &impl Fn(&'static str) -> Option<String>,
) -> Result<Option<DriverRun>, EnvError> {
    let Some(driver) = variable("VESTA_DRIVER_ID").filter(|driver| !driver.is_empty()) else {
        return Ok(None);
    };
    let driver = driver
        .parse()
        .map_err(|error: vesta_types::IdError| EnvError::Bad {
            name: "VESTA_DRIVER_ID",
            reason: error.to_string(),
        })?;
    let missing = |name| EnvError::Missing {
        name,
        wanted: "beside VESTA_DRIVER_ID, which run of the driver this is",
    };
    let attempt = number(variable, "VESTA_ATTEMPT")?.ok_or(missing("VESTA_ATTEMPT"))?;
    let restart = number(variable, "VESTA_RESTART")?.ok_or(missing("VESTA_RESTART"))?;
    Ok(Some(DriverRun {
        driver,
        attempt,
        restart,
    }))
}

fn number<N: std::str::FromStr>(
    variable: &impl Fn(&'static str) -> Option<String>,
    name: &'static str,
) -> Result<Option<N>, EnvError> {
    let Some(text) = variable(name).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    text.parse().map(Some).map_err(|_| EnvError::Bad {
        name,
        reason: format!("{} is not a whole number", vesta_proto::error::shown(&text)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(variables: &[(&'static str, &str)]) -> Result<ApplicationBuilder, EnvError> {
        let launch = Launch {
            program: "true".into(),
            ..Launch::default()
        };
        ApplicationBuilder::from_variables(launch, |name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_driver_that_a_worker_started_registers_as_its_submission_said() {
        let builder = from(&[
            ("VESTA_MASTER", "vesta://a,b"),
            ("VESTA_NAME", "words"),
            ("VESTA_DRIVER_ID", "driver-20261121110000-0003"),
            ("VESTA_ATTEMPT", "2"),
            ("VESTA_RESTART", "0"),
            ("VESTA_EXECUTOR_CORES", "3"),
            ("VESTA_EXECUTOR_MEMORY_MIB", "512"),
            ("VESTA_TOTAL_EXECUTOR_CORES", "9"),
        ])
        .unwrap();
        let (key, application) =
            application_convert::registered_application(builder.request(), 10).unwrap();
        assert_eq!(key, builder.key());
        assert_eq!(application.name, "words");
        assert_eq!(application.max_cores, Some(9));
        assert_eq!(application.max_executor_retries, 10, "the cluster's");
        let driver = "driver-20261121110000-0003".parse().unwrap();
        assert_eq!(
            application.owner,
            Some(DriverRun {
                driver,
                attempt: 2,
                restart: 0
            })
        );
        let profile = &application.profiles[&0].profile;
        assert_eq!((profile.cores, profile.memory_mib), (Some(3), 512));
    }

    #[test]
    fn in_client_mode_an_application_belongs_to_no_driver() {
        let builder = from(&[("VESTA_MASTER", "vesta://a")]).unwrap();
        let (_, application) =
            application_convert::registered_application(builder.request(), 10).unwrap();
        assert_eq!(application.owner, None);
        assert_eq!(
            application.profiles[&0].profile.memory_mib,
            EXECUTOR_MEMORY_MIB
        );
    }

    #[test]
    fn every_profile_is_registered_with_its_own_target() {
        let wanted = ProfileRequest {
            profile: ResourceProfile {
                id: 7,
                cores: Some(2),
                memory_mib: 64,
                named: BTreeMap::from([("gpu".to_owned(), 1)]),
            },
            target: Some(3),
        };
        let builder = from(&[("VESTA_MASTER", "vesta://a")]).unwrap();
        let builder = builder.target(Some(1)).profile(wanted.clone());
        let (_, application) =
            application_convert::registered_application(builder.request(), 10).unwrap();
        assert_eq!(application.profiles[&0].target, Some(1));
        assert_eq!(application.profiles[&7], wanted);
    }

    #[test]
    fn a_variable_that_is_missing_or_wrong_is_named() {
        let names = |variables: &[(&'static str, &str)]| match from(variables).unwrap_err() {
            EnvError::Missing { name, .. } | EnvError::Bad { name, .. } => name,
        };
        let master = ("VESTA_MASTER", "vesta://a");
        let driver = ("VESTA_DRIVER_ID", "driver-20261121110000-0003");
        assert_eq!(names(&[]), "VESTA_MASTER");
        assert_eq!(names(&[("VESTA_MASTER", "a")]), "VESTA_MASTER");
        assert_eq!(
            names(&[master, ("VESTA_DRIVER_ID", "x")]),
            "VESTA_DRIVER_ID"
        );
        assert_eq!(names(&[master, driver]), "VESTA_ATTEMPT");
        assert_eq!(
            names(&[master, driver, ("VESTA_ATTEMPT", "1")]),
            "VESTA_RESTART"
        );
        assert_eq!(
            names(&[master, ("VESTA_EXECUTOR_CORES", "-1")]),
            "VESTA_EXECUTOR_CORES"
        );
    }
}
