//! A submission, and the driver that it makes.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};
use vesta_types::{SparkCommand, SparkRelease};

use super::module_options::module_options;
use super::values::{memory_mib, words};
use crate::message::{DriverDescription, ResourceRequirement};

/// The property with the key of a submission, a UUID of version 7: whoever submits again under the same key gets the
/// same answer, and no second driver.
pub const SUBMISSION_KEY: &str = "spark.vesta.submissionKey";

/// The one action that is posted with a body.
const ACTION: &str = "CreateSubmissionRequest";

/// The class that calls the user's own.
const WRAPPER: &str = "org.apache.spark.deploy.worker.DriverWrapper";

/// The class that runs Python programs: it takes the application's name as an argument.
const SUBMIT: &str = "org.apache.spark.deploy.SparkSubmit";

/// What a driver gets unless it is said otherwise, as in Spark.
const DEFAULT_MEMORY_MIB: u64 = 1024;
const DEFAULT_CORES: u32 = 1;

/// A submission. `Debug` shows nothing of what it carries: that is its submitter's.
#[derive(Clone, PartialEq, Eq)]
pub struct Create {
    /// The version of the client, as it says it.
    pub version: String,
    /// Fields that mean nothing here.
    pub unknown: Vec<String>,
    release: SparkRelease,
    app_resource: String,
    main_class: String,
    app_args: Vec<String>,
    environment: BTreeMap<String, String>,
    properties: BTreeMap<String, String>,
}

/// How the masters are reached by drivers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Masters {
    /// This master's URL, `spark://host:port`.
    pub own: String,
    /// The port there.
    pub port: u16,
    /// The port of this gateway: in a client's list of masters it stands for the other one.
    pub rest_port: u16,
    /// The URL of all masters, if this one was told: then that is what drivers are told.
    pub all: Option<String>,
}

impl Create {
    /// Reads a request.
    ///
    /// # Errors
    /// What is wrong with it, without any of its values.
    pub fn read(body: &[u8]) -> Result<Create, String> {
        let parsed: Value = serde_json::from_slice(body).map_err(|error| {
            // Nothing of the body: it carries an environment.
            format!(
                "no JSON at line {}, column {}",
                error.line(),
                error.column()
            )
        })?;
        let Value::Object(mut fields) = parsed else {
            return Err("Action field not found in JSON: it is no object".to_owned());
        };
        match fields.remove("action") {
            Some(Value::String(action)) if action == ACTION => {}
            Some(Value::String(_)) => {
                return Err(format!(
                    "Received message of unexpected type: {ACTION} is wanted."
                ));
            }
            _ => return Err("Action field not found in JSON".to_owned()),
        }
        let invalid = |why: String| format!("Validation of message {ACTION} failed! {why}");
        let version =
            text(&mut fields, "clientSparkVersion").and_then(required("clientSparkVersion"));
        let version = version.map_err(invalid)?;
        let release = SparkRelease::of_version(&version);
        let release = release.ok_or_else(|| {
            invalid("clientSparkVersion is of no Spark that is spoken with here, which are 3.4, 3.5 and 4.x.".to_owned())
        })?;
        let properties = match fields.remove("sparkProperties") {
            None | Some(Value::Null) => return Err(invalid("No Spark properties set!".to_owned())),
            Some(value) => texts_by_name(value, "sparkProperties").map_err(invalid)?,
        };
        let app_resource = text(&mut fields, "appResource").and_then(required("appResource"));
        let app_resource = app_resource.map_err(invalid)?;
        let main_class = text(&mut fields, "mainClass").map_err(invalid)?;
        let main_class = main_class.ok_or("Main class is missing.")?;
        let app_args = match fields.remove("appArgs") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(args)) => args
                .into_iter()
                .map(|arg| {
                    scalar(arg).ok_or_else(|| invalid("'appArgs' is no list of texts.".to_owned()))
                })
                .collect::<Result<_, _>>()?,
            Some(_) => return Err(invalid("'appArgs' is no list of texts.".to_owned())),
        };
        let environment = match fields.remove("environmentVariables") {
            None | Some(Value::Null) => BTreeMap::new(),
            Some(value) => texts_by_name(value, "environmentVariables").map_err(invalid)?,
        };
        for known in ["serverSparkVersion", "message"] {
            fields.remove(known);
        }
        let create = Create {
            version,
            unknown: fields.keys().cloned().collect(),
            release,
            app_resource,
            main_class,
            app_args,
            environment,
            properties,
        };
        create.resources().map_err(invalid)?;
        Ok(create)
    }

    /// The key that it is submitted under, if it has one.
    pub fn key(&self) -> Option<&str> {
        self.properties.get(SUBMISSION_KEY).map(String::as_str)
    }

    /// Memory in MiB, cores, supervision and named resources, as the properties say.
    fn resources(&self) -> Result<(u64, u32, bool, Vec<ResourceRequirement>), String> {
        let property = |name: &str| self.properties.get(name).map(|value| value.trim());
        let wrong =
            |name: &str, wanted: &str| format!("Property '{name}' expected {wanted} value.");
        let memory = property("spark.driver.memory")
            .map(|value| memory_mib(value).ok_or_else(|| wrong("spark.driver.memory", "memory")));
        let cores = property("spark.driver.cores").map(|value| {
            let cores = value.parse().ok().filter(|cores| *cores > 0);
            cores.ok_or_else(|| wrong("spark.driver.cores", "numeric"))
        });
        let supervise = property("spark.driver.supervise").map(|value| {
            let value = value.to_ascii_lowercase().parse();
            value.map_err(|_| wrong("spark.driver.supervise", "boolean"))
        });
        let mut named = Vec::new();
        for (name, value) in &self.properties {
            let amount = name
                .strip_prefix("spark.driver.resource.")
                .and_then(|rest| rest.strip_suffix(".amount"));
            let Some(resource) = amount else { continue };
            let amount: u32 = value.trim().parse().map_err(|_| wrong(name, "numeric"))?;
            if amount > 0 {
                named.push(ResourceRequirement {
                    name: resource.to_owned(),
                    amount,
                    parts: 1,
                });
            }
        }
        Ok((
            memory.transpose()?.unwrap_or(DEFAULT_MEMORY_MIB),
            cores.transpose()?.unwrap_or(DEFAULT_CORES),
            supervise.transpose()?.unwrap_or(false),
            named,
        ))
    }

    /// The driver that it makes, as Spark's own gateway makes it. Where a variable's value is `{{NAME}}`, Spark 4
    /// puts the master's variable NAME; here it stays: the environment of a master is no user's.
    ///
    /// # Errors
    /// What is wrong with its properties.
    pub fn driver(self, masters: &Masters) -> Result<DriverDescription, String> {
        let (memory_mib, cores, supervise, resources) = self.resources()?;
        let Create {
            release,
            app_resource,
            main_class,
            app_args,
            environment,
            mut properties,
            ..
        } = self;
        let name = properties.get("spark.app.name").cloned();
        let mut arguments = vec![
            "{{WORKER_URL}}".to_owned(),
            "{{USER_JAR}}".to_owned(),
            main_class.clone(),
        ];
        if let Some(name) = name.as_ref().filter(|_| main_class == SUBMIT) {
            arguments.extend(["-c".to_owned(), format!("spark.app.name={name}")]);
        }
        arguments.extend(app_args);
        let listed = properties
            .get("spark.master")
            .map(|listed| masters.of(listed));
        let told = masters
            .all
            .clone()
            .or(listed)
            .unwrap_or_else(|| masters.own.clone());
        properties.insert("spark.master".to_owned(), told);
        properties.insert("spark.app.name".to_owned(), name.unwrap_or(main_class));
        let mut java_opts = module_options(release);
        let own = properties
            .iter()
            .filter(|(name, _)| *name != SUBMISSION_KEY);
        java_opts.extend(own.map(|(name, value)| format!("-D{name}={value}")));
        for options in [
            "spark.driver.defaultJavaOptions",
            "spark.driver.extraJavaOptions",
        ] {
            java_opts.extend(properties.get(options).into_iter().flat_map(|it| words(it)));
        }
        let paths = |name: &str| -> Vec<String> {
            let paths = properties.get(name).into_iter();
            let paths = paths.flat_map(|paths| paths.split(':'));
            paths
                .filter(|path| !path.is_empty())
                .map(str::to_owned)
                .collect()
        };
        let command = SparkCommand {
            release,
            main_class: WRAPPER.to_owned(),
            arguments,
            environment: environment
                .into_iter()
                .filter(|(name, _)| {
                    !["SPARK_LOCAL_IP", "SPARK_LOCAL_HOSTNAME"].contains(&name.as_str())
                })
                .collect(),
            class_path: paths("spark.driver.extraClassPath"),
            library_path: paths("spark.driver.extraLibraryPath"),
            java_opts,
        };
        Ok(DriverDescription {
            jar_url: app_resource,
            memory_mib,
            cores,
            supervise,
            command,
            resources,
        })
    }
}

impl Masters {
    /// What a client's list of masters is for drivers: the gateway's port stands for the other.
    fn of(&self, listed: &str) -> String {
        let gateway = self.rest_port.to_string();
        let mut told = Vec::new();
        for address in listed.split(',') {
            told.push(match address.rsplit_once(':') {
                Some((host, port)) if port == gateway => format!("{host}:{}", self.port),
                _ => address.to_owned(),
            });
        }
        told.join(",")
    }
}

impl fmt::Debug for Create {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Create")
            .field("version", &self.version)
            .field("release", &self.release)
            .finish_non_exhaustive()
    }
}

fn required(name: &'static str) -> impl FnOnce(Option<String>) -> Result<String, String> {
    move |found| found.ok_or_else(|| format!("'{name}' is missing."))
}

fn text(fields: &mut Map<String, Value>, name: &str) -> Result<Option<String>, String> {
    match fields.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match scalar(value) {
            Some(text) => Ok(Some(text)),
            None => Err(format!("'{name}' is no text.")),
        },
    }
}

fn texts_by_name(value: Value, name: &str) -> Result<BTreeMap<String, String>, String> {
    let wrong = || format!("'{name}' is no object with texts.");
    let Value::Object(fields) = value else {
        return Err(wrong());
    };
    let text = |(name, value)| Some((name, scalar(value)?));
    fields
        .into_iter()
        .map(text)
        .collect::<Option<_>>()
        .ok_or_else(wrong)
}

/// Spark's reader takes numbers and truth values for texts too.
fn scalar(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}
