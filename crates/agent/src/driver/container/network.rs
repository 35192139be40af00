//! A network of its own for each container: containers of different workloads do not see each other.

use super::engine::{Engine, explain, is_missing};
use super::{LABEL, name_of};
use bollard::errors::Error;
use bollard::models::NetworkCreateRequest;
use bollard::query_parameters::ListNetworksOptionsBuilder;
use ostler_model::WorkloadId;
use std::collections::HashMap;

/// Shared by those for which the engine has no addresses left; its containers do not see each other either.
const SHARED: &str = "ostler";

/// Makes the workload's network; its name. An engine has only so many, by its address pools: beyond that it is the
/// shared one.
pub(super) async fn ensure(engine: &Engine, id: WorkloadId) -> Result<String, String> {
    let labels = HashMap::from([(LABEL.to_owned(), id.to_string())]);
    match make(engine, &name_of(id), labels).await {
        Ok(()) => Ok(name_of(id)),
        Err(error) if explain(&error).contains("address pool") => {
            make(engine, SHARED, HashMap::new()).await.map_err(|e| explain(&e))?;
            Ok(SHARED.to_owned())
        }
        Err(error) => Err(explain(&error)),
    }
}

async fn make(engine: &Engine, name: &str, labels: HashMap<String, String>) -> Result<(), Error> {
    let apart = HashMap::from([("com.docker.network.bridge.enable_icc".to_owned(), "false".to_owned())]);
    let request = NetworkCreateRequest {
        name: name.to_owned(),
        driver: Some("bridge".to_owned()),
        options: Some(apart),
        labels: Some(labels),
        ..NetworkCreateRequest::default()
    };
    match engine.docker.create_network(request).await {
        Ok(_) | Err(Error::DockerResponseServerError { status_code: 409, .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Removes the workload's network, once nothing is in it.
pub(super) async fn remove(engine: &Engine, id: WorkloadId) -> Result<(), String> {
    let filters = HashMap::from([("label".to_owned(), vec![format!("{LABEL}={id}")])]);
    let options = ListNetworksOptionsBuilder::default().filters(&filters).build();
    let found = engine.docker.list_networks(Some(options)).await.map_err(|e| explain(&e))?;
    for network in found.into_iter().filter_map(|network| network.id) {
        match engine.docker.remove_network(&network).await {
            Err(e) if !is_missing(&e) => return Err(explain(&e)),
            _ => {}
        }
    }
    Ok(())
}
