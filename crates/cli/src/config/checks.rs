//! Checks that both roles share.

use std::net::SocketAddr;
use std::time::Duration;

use vesta_proto::error::shown;

use super::ConfigError;

/// `host:port`, as others dial it.
///
/// # Errors
/// When it is not one.
pub fn address(key: &'static str, text: &str) -> Result<String, ConfigError> {
    // The list of masters knows what a host and a port are; it fills in a port, which must be there.
    let list = format!("vesta://{text}").parse::<vesta_client::MasterList>();
    match list {
        Ok(list) if list.addresses() == [text] => Ok(text.to_owned()),
        _ => Err(ConfigError::Value {
            key,
            found: shown(text),
            wanted: "host:port, as in m1.example.org:7700".to_owned(),
        }),
    }
}

/// Refuses an address that others can reach, unless that is wanted: submitting is remote execution,
/// and there is no TLS and no token yet.
///
/// # Errors
/// When `listen` is not on loopback and `insecure` is not set.
pub fn loopback(key: &'static str, listen: SocketAddr, insecure: bool) -> Result<(), ConfigError> {
    if listen.ip().is_loopback() || insecure {
        return Ok(());
    }
    Err(ConfigError::Contradiction(format!(
        "{key} = {listen} can be reached from other machines, and insecure is not set: whoever \
         reaches it may run any program on the workers, since there is no TLS and no token yet. \
         Listen on 127.0.0.1, or set insecure (--insecure) where the network keeps others out"
    )))
}

/// Refuses an address without a port of its own.
///
/// # Errors
/// When the port is 0.
pub fn port(key: &'static str, address: SocketAddr) -> Result<(), ConfigError> {
    if address.port() > 0 {
        return Ok(());
    }
    Err(ConfigError::Value {
        key,
        found: address.to_string(),
        wanted: "an address with a port from 1: others must know it".to_owned(),
    })
}

/// Two heartbeats must fit into the time that orders stay fresh, else one that is lost stops launches.
///
/// # Errors
/// When they don't.
pub fn heartbeats(
    key: &'static str,
    heartbeat: Duration,
    order_ttl: Duration,
) -> Result<(), ConfigError> {
    if heartbeat * 2 <= order_ttl {
        return Ok(());
    }
    Err(ConfigError::Contradiction(format!(
        "{key} = {heartbeat:?} and order_ttl = {order_ttl:?}: two heartbeats must fit into order_ttl"
    )))
}

/// The factor that scales times.
///
/// # Errors
/// When it is not a number between 0.001 and 100.
pub fn time_scale(scale: f64) -> Result<f64, ConfigError> {
    if (0.001..=100.0).contains(&scale) {
        return Ok(scale);
    }
    Err(ConfigError::Value {
        key: "time_scale",
        found: scale.to_string(),
        wanted: "a factor from 0.001 to 100".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_others_reach_is_refused_unless_it_is_wanted() {
        let open = "0.0.0.0:7700".parse().unwrap();
        let error = loopback("listen", open, false).unwrap_err().to_string();
        assert!(
            error.contains("0.0.0.0:7700") && error.contains("--insecure"),
            "{error}"
        );
        assert!(loopback("listen", open, true).is_ok());
        assert!(loopback("listen", "[::1]:7700".parse().unwrap(), false).is_ok());
    }

    #[test]
    fn an_address_that_others_dial_has_host_and_port() {
        assert!(address("advertise", "m1:7700").is_ok());
        for text in [
            "m1",
            ":7700",
            "m1:0",
            "m1:x",
            "a b:1",
            "m1:7700,m2:7700",
            "",
        ] {
            assert!(address("advertise", text).is_err(), "{text}");
        }
    }
}
