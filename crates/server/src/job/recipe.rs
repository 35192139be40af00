//! What a kind of job does: its steps, how each is run and how each is undone.

use super::flow::{self, Outcome, StepSpec};
use ostler_model::job::Job;
use ostler_model::{Millis, Time};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// A step under way.
pub type Running<'a> = Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

/// A kind of job. Every step and every undo is idempotent: it may be run again after it had its effect, by another
/// process, at any time; and an undo may be asked for a step that was never begun.
pub trait Recipe: Send + Sync + 'static {
    /// The stable name, for example `workload.provision`.
    fn kind(&self) -> &'static str;
    /// In order.
    fn steps(&self) -> &'static [StepSpec];
    /// From creation to the end; then it is unwound, unless it is past its point of no return.
    fn limit(&self) -> Option<Millis>;
    /// Runs a step once. Waiting is said with `Outcome::Wait`, never done here.
    fn run<'a>(&'a self, step: usize, context: &'a Context) -> Running<'a>;
    /// Takes a step back.
    fn undo<'a>(&'a self, step: usize, context: &'a Context) -> Running<'a>;
}

/// What a step may know.
#[derive(Debug)]
pub struct Context {
    pub job: Job,
    pub now: Time,
    outputs: Map<String, Value>,
}

impl Context {
    /// For one run of one step.
    pub fn new(job: &Job, now: Time) -> Self {
        Self { outputs: flow::outputs(job), job: job.clone(), now }
    }
    /// The target as an id.
    pub fn target<T: std::str::FromStr>(&self) -> Result<T, Outcome> {
        self.job.target.parse().map_err(|_| Outcome::Fail("this job's target cannot be read".into()))
    }
    /// The recipe's arguments.
    pub fn input<T: DeserializeOwned>(&self) -> Result<T, Outcome> {
        serde_json::from_str(&self.job.input).map_err(|_| Outcome::Fail("this job's input cannot be read".into()))
    }
    /// What a finished step left.
    pub fn output<T: DeserializeOwned>(&self, step: &str) -> Option<T> {
        self.outputs.get(step).cloned().and_then(|value| serde_json::from_value(value).ok())
    }
}

/// All recipes, by kind.
#[derive(Clone, Default)]
pub struct Recipes(Arc<BTreeMap<&'static str, Arc<dyn Recipe>>>);

impl Recipes {
    /// These and no others.
    pub fn new(all: impl IntoIterator<Item = Arc<dyn Recipe>>) -> Self {
        Self(Arc::new(all.into_iter().map(|recipe| (recipe.kind(), recipe)).collect()))
    }
    /// The recipe of this kind.
    pub fn find(&self, kind: &str) -> Option<&Arc<dyn Recipe>> {
        self.0.get(kind)
    }
    /// Every recipe, in order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Recipe>> {
        self.0.values()
    }
}
