//! A machine becomes a node.

use crate::app::App;
use crate::auth::hash_token;
use crate::http::{Created, Error, Json, Public, Result};
use ostler_model::Name;
use ostler_store::node::Joining;
use ostler_wire::node::{Join, Joined};

/// Become a node: what `ostler agent join` sends. The token works once; the same machine asking again gets the same answer.
pub async fn join(app: App, public: Public, Json(body): Json<Join>) -> Result<Created<Joined>> {
    let public_key = key(&body.public_key)?;
    body.facts.check().map_err(|unfit| Error::field(unfit.field, unfit.why))?;
    let name = body.name.unwrap_or_else(|| name_of(&body.facts.hostname));
    let joining = Joining { id: app.ids.next(), name, public_key, facts: body.facts.cleaned() };
    // What stands after the dot is this installation's key, for the agent.
    let hash = hash_token(body.token.reveal().split('.').next().unwrap_or_default());
    let node = app.store.node_join(&hash, &joining, &public.origin, app.clock.now()).await?;
    tracing::info!(node.id = %node.id, node.name = %node.name, "a node has joined");
    Ok(Created(Joined { node: node.id, name: node.name, installation: app.installation }))
}

fn key(text: &str) -> Result<Vec<u8>> {
    let is_plain = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let bytes = hex::decode(text).ok().filter(|bytes| bytes.len() == 32 && is_plain);
    bytes.ok_or_else(|| Error::field("public_key", "must be an Ed25519 public key: 64 lower-case hexadecimal digits"))
}

/// The host's name as far as it makes a name, else a plain word; the store makes it unique.
fn name_of(hostname: &str) -> Name {
    let first = hostname.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let plain: String = first.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(50).collect();
    let plain = plain.trim_matches('-');
    plain.parse().unwrap_or_else(|_| "node".parse().expect("it is a name"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_host_name_makes_a_node_name() {
        for (hostname, name) in [
            ("rack-1.example.org", "rack-1"),
            ("RACK_1", "rack-1"),
            ("", "node"),
            ("---", "node"),
            ("büro", "b-ro"),
            (&"x".repeat(80), &"x".repeat(50)),
        ] {
            assert_eq!(name_of(hostname).as_str(), name, "{hostname}");
        }
    }
}
