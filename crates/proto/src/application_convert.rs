//! Between the application conversation and Vesta's own types: an application that registers, and what
//! it asks for later.

use std::collections::{BTreeMap, BTreeSet};

use vesta_types::limits::{
    EXECUTOR_TARGET_MAX, KILL_EXECUTORS_MAX, PAYLOAD_BYTES_MAX, PROFILES_MAX, REASON_CHARS_MAX,
    URL_BYTES_MAX,
};
use vesta_types::{
    AppId, ApplicationDescription, Artifact, DriverRun, InstanceId, Launch, ProfileRequest,
    ResourceProfile, SubmissionKey,
};

use crate::application;
use crate::checks;
use crate::error::ConvertError;
use crate::worker_convert;

/// The key and the application that a registration names, every limit checked.
/// `max_executor_retries` is the cluster's, for an application that doesn't name its own.
///
/// # Errors
/// The first value that can't be taken, and what would be right.
pub fn registered_application(
    request: application::RegisterRequest,
    max_executor_retries: i32,
) -> Result<(SubmissionKey, ApplicationDescription), ConvertError> {
    let key = checks::key(&request.key)?;
    let launch = request
        .launch
        .ok_or_else(|| ConvertError::missing("launch", "the program of an executor"))?;
    let max_cores = request
        .max_cores
        .map(|cores| checks::cores("max_cores", cores))
        .transpose()?;
    let owner = owner(&request.driver_id, request.attempt, request.restart)?;
    let profiles = profiles(request.profiles, max_cores)?;
    let nothing_to_do = |wanted: &ProfileRequest| wanted.target.unwrap_or_default() == 0;
    if request.run_to_completion && profiles.values().any(nothing_to_do) {
        return Err(ConvertError::missing(
            "target",
            "how many executors must succeed, from 1, for an application that runs to completion",
        ));
    }
    let description = ApplicationDescription {
        name: checks::name(request.name)?,
        launch: checks::launch(
            launch.program,
            launch.args,
            launch.env,
            launch.artifacts,
            None,
        )?,
        max_cores,
        profiles,
        max_executor_retries: retries(request.max_executor_retries, max_executor_retries)?,
        run_to_completion: request.run_to_completion,
        owner,
        ui_url: ui_url(request.ui_url)?,
        payload: payload(request.payload)?,
        spark: None,
    };
    Ok((key, description))
}

/// The registration of `application` under `key`. It names its retries always: a description has no
/// "as the cluster does".
pub fn registration(
    key: SubmissionKey,
    application: ApplicationDescription,
) -> application::RegisterRequest {
    let owner = application.owner;
    application::RegisterRequest {
        key: key.to_string(),
        name: application.name,
        launch: Some(launch(application.launch)),
        max_cores: application.max_cores,
        profiles: application
            .profiles
            .into_values()
            .map(profile_to_wire)
            .collect(),
        max_executor_retries: Some(application.max_executor_retries),
        driver_id: owner
            .as_ref()
            .map(|run| run.driver.to_string())
            .unwrap_or_default(),
        attempt: owner.as_ref().map_or(0, |run| run.attempt),
        restart: owner.as_ref().map_or(0, |run| run.restart),
        ui_url: application.ui_url,
        payload: application.payload,
        run_to_completion: application.run_to_completion,
    }
}

/// What [`set_target`] reads: how many executors of which profile an application wants from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The application.
    pub app: AppId,
    /// The profile's number.
    pub profile: u32,
    /// Executors wanted, at most `EXECUTOR_TARGET_MAX`; 0 is none.
    pub target: u32,
}

/// The key and the target of a request.
///
/// # Errors
/// The first value that can't be taken, and what would be right.
pub fn set_target(
    request: application::SetTargetRequest,
) -> Result<(SubmissionKey, Target), ConvertError> {
    let key = checks::key(&request.key)?;
    let app = checks::app_id(&request.app_id)?;
    let target = target("target", request.target)?;
    Ok((
        key,
        Target {
            app,
            profile: request.profile,
            target,
        },
    ))
}

/// The key, the application and the profile that it adds.
///
/// # Errors
/// The first value that can't be taken, and what would be right.
pub fn add_profile(
    request: application::AddProfileRequest,
) -> Result<(SubmissionKey, AppId, ProfileRequest), ConvertError> {
    let key = checks::key(&request.key)?;
    let app = checks::app_id(&request.app_id)?;
    let wanted = "the resource profile to add";
    let raw = request
        .profile
        .ok_or_else(|| ConvertError::missing("profile", wanted))?;
    Ok((key, app, profile(raw, None)?))
}

/// The key, the application and those of its executors that are to end, each once.
///
/// # Errors
/// The first value that can't be taken, and what would be right.
pub fn kill_executors(
    request: application::KillExecutorsRequest,
) -> Result<(SubmissionKey, AppId, BTreeSet<u32>), ConvertError> {
    let key = checks::key(&request.key)?;
    let app = checks::app_id(&request.app_id)?;
    let count = request.executors.len();
    if !(1..=KILL_EXECUTORS_MAX).contains(&count) {
        let wanted = format!("1 to {KILL_EXECUTORS_MAX} of them");
        return Err(ConvertError::value(
            "executors",
            format!("{count} numbers"),
            wanted,
        ));
    }
    Ok((key, app, request.executors.into_iter().collect()))
}

/// How an application says that it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unregistration {
    /// The application.
    pub app: AppId,
    /// Whether it calls itself FAILED instead of FINISHED.
    pub failed: bool,
    /// Its own words, for people; cut, never refused: an end must not fail for its words.
    pub message: String,
}

/// The key and the end of an application.
///
/// # Errors
/// The first value that can't be taken, and what would be right.
pub fn unregister(
    request: application::UnregisterRequest,
) -> Result<(SubmissionKey, Unregistration), ConvertError> {
    let key = checks::key(&request.key)?;
    let app = checks::app_id(&request.app_id)?;
    let message = request.message.chars().take(REASON_CHARS_MAX).collect();
    Ok((
        key,
        Unregistration {
            app,
            failed: request.failed,
            message,
        },
    ))
}

fn owner(driver: &str, attempt: u32, restart: u32) -> Result<Option<DriverRun>, ConvertError> {
    if driver.is_empty() {
        return match (attempt, restart) {
            (0, 0) => Ok(None),
            _ => Err(ConvertError::missing(
                "driver_id",
                format!("the driver of attempt {attempt}, restart {restart}"),
            )),
        };
    }
    let driver = checks::driver_id(driver)?;
    if attempt == 0 {
        return Err(ConvertError::value(
            "attempt",
            attempt,
            "an attempt: they count from 1",
        ));
    }
    Ok(Some(DriverRun {
        driver,
        attempt,
        restart,
    }))
}

fn profiles(
    wire: Vec<application::Profile>,
    max_cores: Option<u32>,
) -> Result<BTreeMap<u32, ProfileRequest>, ConvertError> {
    const FIELD: &str = "profiles";
    if wire.len() > PROFILES_MAX {
        let found = format!("{} profiles", wire.len());
        return Err(ConvertError::value(
            FIELD,
            found,
            format!("at most {PROFILES_MAX} of them"),
        ));
    }
    let mut profiles = BTreeMap::new();
    for raw in wire {
        let id = raw.id;
        if profiles.insert(id, profile(raw, max_cores)?).is_some() {
            let found = format!("two profiles with id {id}");
            return Err(ConvertError::value(FIELD, found, "a list whose ids differ"));
        }
    }
    if !profiles.contains_key(&0) {
        let wanted = "a profile with id 0, the default one, among them";
        return Err(ConvertError::missing(FIELD, wanted));
    }
    Ok(profiles)
}

fn profile(
    raw: application::Profile,
    max_cores: Option<u32>,
) -> Result<ProfileRequest, ConvertError> {
    let cores = raw
        .cores
        .map(|cores| checks::cores("profiles.cores", cores))
        .transpose()?;
    if let (Some(cores), Some(max)) = (cores, max_cores)
        && cores > max
    {
        let wanted = format!("at most max_cores, which is {max}");
        return Err(ConvertError::value("profiles.cores", cores, wanted));
    }
    Ok(ProfileRequest {
        profile: ResourceProfile {
            id: raw.id,
            cores,
            memory_mib: checks::memory_mib("profiles.memory_mib", raw.memory_mib)?,
            named: checks::named("profiles.named", raw.named)?,
        },
        target: raw
            .target
            .map(|count| target("profiles.target", count))
            .transpose()?,
    })
}

fn target(field: &'static str, count: u32) -> Result<u32, ConvertError> {
    if count <= EXECUTOR_TARGET_MAX {
        return Ok(count);
    }
    let wanted = format!("a number of executors from 0 to {EXECUTOR_TARGET_MAX}");
    Err(ConvertError::value(field, count, wanted))
}

fn retries(wanted: Option<i32>, default: i32) -> Result<i32, ConvertError> {
    match wanted {
        None => Ok(default),
        Some(count) if count >= -1 => Ok(count),
        Some(count) => Err(ConvertError::value(
            "max_executor_retries",
            count,
            "a number of retries from 0, or -1 for no limit",
        )),
    }
}

fn ui_url(url: String) -> Result<String, ConvertError> {
    let web = url.is_empty() || url.starts_with("http://") || url.starts_with("https://");
    let plain = url.chars().all(|c| c.is_ascii_graphic());
    if !web || !plain || url.len() > URL_BYTES_MAX {
        let wanted = format!("an http or https address of at most {URL_BYTES_MAX} bytes");
        return Err(ConvertError::text("ui_url", &url, wanted));
    }
    Ok(url)
}

fn payload(bytes: Vec<u8>) -> Result<Vec<u8>, ConvertError> {
    if bytes.len() <= PAYLOAD_BYTES_MAX {
        return Ok(bytes);
    }
    let wanted = format!("at most {PAYLOAD_BYTES_MAX} bytes (256 KiB)");
    Err(ConvertError::value(
        "payload",
        format!("{} bytes", bytes.len()),
        wanted,
    ))
}

/// A profile as it goes over the wire.
pub fn profile_to_wire(request: ProfileRequest) -> application::Profile {
    application::Profile {
        id: request.profile.id,
        cores: request.profile.cores,
        memory_mib: request.profile.memory_mib,
        named: request.profile.named.into_iter().collect(),
        target: request.target,
    }
}

fn launch(launch: Launch) -> application::Launch {
    application::Launch {
        program: launch.program,
        args: launch.args,
        env: launch.env.into_iter().collect(),
        artifacts: launch
            .artifacts
            .into_iter()
            .map(|Artifact { uri }| uri)
            .collect(),
    }
}

/// An endpoint that a run of a driver or executor publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// Whose run.
    pub instance: InstanceId,
    /// Its restart.
    pub restart: u32,
    /// The endpoint's name.
    pub name: String,
    /// Where it is.
    pub address: String,
}

/// The key and the endpoint that a publication names.
///
/// # Errors
/// The first value that can't be taken, and what would be right.
pub fn published_endpoint(
    request: application::PublishEndpointRequest,
) -> Result<(SubmissionKey, Publication), ConvertError> {
    let key = checks::key(&request.key)?;
    let publication = Publication {
        instance: worker_convert::instance_id("instance_id", &request.instance_id)?,
        restart: request.restart,
        name: checks::endpoint_name(request.name)?,
        address: checks::endpoint_address(request.address)?,
    };
    Ok((key, publication))
}

#[cfg(test)]
mod tests;
