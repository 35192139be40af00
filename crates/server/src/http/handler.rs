//! The shape of a handler: `async fn(App, Proof, Input) -> Result<Output>` and nothing else.

use super::error::Result;
use super::input::Input;
use super::output::Output;
use super::proof::Proof;
use crate::app::App;
use std::future::Future;

/// A function that may become an endpoint. It takes a proof, so it cannot be reached without a decision about access.
pub trait Handler<P, I, O>: Clone + Send + Sync + 'static {
    /// Does it.
    fn call(&self, app: App, proof: P, input: I) -> impl Future<Output = Result<O>> + Send;
}

impl<F, Fut, P: Proof, I: Input, O: Output> Handler<P, I, O> for F
where
    F: Fn(App, P, I) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<O>> + Send,
{
    fn call(&self, app: App, proof: P, input: I) -> impl Future<Output = Result<O>> + Send {
        self(app, proof, input)
    }
}
