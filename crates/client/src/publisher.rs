//! Saying where a driver or executor is reached.

use vesta_proto::application::{Done, PublishEndpointRequest};
use vesta_types::InstanceId;

use crate::application::{EnvError, persist, stub};
use crate::{Client, ClientError, ClientOptions, MasterList, new_key};

/// Publishes the endpoints of the run that this process is: under a name of its own, for as long as the run
/// lasts. Clients find them by name and owner, through any master.
#[derive(Clone, Debug)]
pub struct Publisher {
    client: Client,
    instance: InstanceId,
    restart: u32,
}

impl Publisher {
    /// A publisher for restart `restart` of `instance`.
    pub fn new(client: Client, instance: InstanceId, restart: u32) -> Publisher {
        Publisher {
            client,
            instance,
            restart,
        }
    }

    /// As a worker's environment says who this process is: `VESTA_MASTER`, `VESTA_INSTANCE_ID` and
    /// `VESTA_RESTART`.
    ///
    /// # Errors
    /// The variable that is missing or can't be taken.
    pub fn from_env() -> Result<Publisher, EnvError> {
        Publisher::from_variables(ClientOptions::default(), |name| std::env::var(name).ok())
    }

    /// As [`Publisher::from_env`], as patient as `options`, from these variables.
    ///
    /// # Errors
    /// As there.
    pub fn from_variables(
        options: ClientOptions,
        variable: impl Fn(&'static str) -> Option<String>,
    ) -> Result<Publisher, EnvError> {
        let text = |name| {
            variable(name).ok_or(EnvError::Missing {
                name,
                wanted: "a worker sets it for the drivers and executors that it starts",
            })
        };
        let bad = |name, reason| EnvError::Bad { name, reason };
        let masters: MasterList = text("VESTA_MASTER")?
            .parse()
            .map_err(|error: crate::MasterListError| bad("VESTA_MASTER", error.to_string()))?;
        let instance = text("VESTA_INSTANCE_ID")?
            .parse()
            .map_err(|error: vesta_types::IdError| bad("VESTA_INSTANCE_ID", error.to_string()))?;
        let restart = text("VESTA_RESTART")?;
        let restart = restart.parse().map_err(|_| {
            let shown = vesta_proto::error::shown(&restart);
            bad("VESTA_RESTART", format!("{shown} is not a whole number"))
        })?;
        let client = Client::with_options(&masters, options);
        Ok(Publisher::new(client, instance, restart))
    }

    /// Publishes `address` under `name`, in place of what this run or an earlier one had published there.
    /// Sent until a master answers, through leader changes; drop the future to give up.
    ///
    /// # Errors
    /// `Refused` or `NotAllowed`: a later run of the same driver is the current one, say, or the name
    /// can't be taken.
    pub async fn publish(&self, name: &str, address: &str) -> Result<(), ClientError> {
        let key = new_key();
        let request = PublishEndpointRequest {
            key: key.to_string(),
            instance_id: self.instance.to_string(),
            restart: self.restart,
            name: name.to_owned(),
            address: address.to_owned(),
        };
        let send = |channel| {
            let request = request.clone();
            async move { stub(channel).publish_endpoint(request).await }
        };
        persist(&self.client, key, "the endpoint", send)
            .await
            .map(|Done {}| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_worker_s_environment_says_whose_endpoints_they_are() {
        let instance = "driver-20261121110000-0000.2.67e5504410b1426f9247bb680e5fe0c8";
        let all = [
            ("VESTA_MASTER", "vesta://m1:7700"),
            ("VESTA_INSTANCE_ID", instance),
            ("VESTA_RESTART", "3"),
        ];
        let from = |all: &[(&'static str, &str)]| {
            let all = all.to_vec();
            let found = move |name| {
                let found = all.iter().find(|(it, _)| *it == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            Publisher::from_variables(ClientOptions::default(), found)
        };
        let publisher = from(&all).unwrap();
        assert_eq!(publisher.instance.to_string(), instance);
        assert_eq!(publisher.restart, 3);
        for at in 0..all.len() {
            let mut missing = all.to_vec();
            let (name, _) = missing.remove(at);
            let error = from(&missing).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains("not set"), "{error}");
            let mut bad = all;
            bad[at].1 = "x y";
            let error = from(&bad).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains("x y"), "{error}");
        }
    }
}
