//! One request to the control plane, signed, and what its answer proves.

use super::dial::{Answer, Ask, Dial, Io, sentence};
use super::lease::Leases;
use super::proof::{Challenge, Wrong};
use crate::identity::{Asking, Key};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use ostler_model::{Foreign, InstallationId, Millis, NodeId, Time};
use ostler_runtime::{Clock, Ids};
use ostler_wire::link::proof::{ServerKey, Statement, Way};
use std::sync::atomic::{AtomicI64, Ordering};

/// Where links are dialled.
pub(crate) const PATH: &str = "/api/v1/agent/link";
/// From the dial to the upgrade.
const LIMIT: Millis = Millis::secs(15);
/// Smaller differences are no reason to doubt the clock.
const CLOCK_SLACK: Millis = Millis::secs(3);
/// A signature is never made for a time that is further than this from the machine's own clock, whatever the server says:
/// the widest mistake of a time zone, and then some.
pub(crate) const CLOCK_MOST: Millis = Millis::secs(48 * 3600);

/// What an operator adds to a proxy that passes no upgrade.
pub(crate) const PASS_UPGRADES: &str = "nginx: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; \
     proxy_set_header Connection \"upgrade\"; proxy_read_timeout 1h;  Apache 2.4.47 or newer: ProxyPass \"/\" \
     \"http://127.0.0.1:8080/\" upgrade=websocket";

/// Who asks, and whom.
pub(crate) struct Knocker<'a> {
    pub dial: &'a dyn Dial,
    pub clock: &'a Clock,
    pub ids: &'a Ids,
    pub key: &'a Key,
    pub url: &'a str,
    pub node: NodeId,
    pub installation: Option<InstallationId>,
    pub pinned: Option<ServerKey>,
    pub leases: &'a Leases,
    /// How far the server's clock is ahead of this machine's. Used for signatures only.
    pub ahead_ms: &'a AtomicI64,
}

/// An answer, with what it proves.
pub(crate) struct Reached {
    pub answer: Answer,
    pub challenge: Challenge,
    /// About an answer that is no link; a link's proof comes with its hello.
    pub statement: Result<Statement, Wrong>,
    signed_at: Time,
}

impl Knocker<'_> {
    /// Asks for a link this way. `Err` is a sentence: nothing answered.
    pub(crate) async fn knock(&self, way: Way) -> Result<Reached, String> {
        let authority =
            ostler_wire::link::proof::authority(self.url).ok_or_else(|| format!("{} is no URL", self.url))?;
        let (nonce, at) = (self.ids.bytes(), self.server_now());
        let asking = Asking {
            node: self.node,
            installation: self.installation,
            authority: &authority,
            method: "GET",
            path: PATH,
            at,
            lease: self.leases.shown(),
            boot: self.leases.boot(),
        };
        let mut headers = HeaderMap::new();
        let mut value = HeaderValue::from_str(&self.key.authorization(&asking, nonce))
            .map_err(|_| format!("{} holds characters that no header does", self.url))?;
        value.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, value);
        let key = upgrade(&mut headers, way);
        let ask = Ask { method: Method::GET, path: PATH.into(), headers, body: Bytes::new() };
        let mut answer = match self.clock.timeout(LIMIT, self.dial.ask(ask)).await {
            None => return Err(format!("the control plane at {} did not answer in time", self.url)),
            Some(Err(error)) => return Err(error.to_string()),
            Some(Ok(answer)) => answer,
        };
        if let Some(key) = key
            && let Some(io) = answer.connection.take()
        {
            answer.connection = in_messages(io, &answer.headers, &key).await;
        }
        let challenge =
            Challenge { node: self.node, authority, nonce, installation: self.installation, pinned: self.pinned };
        let statement = challenge.answer(&answer.headers);
        Ok(Reached { answer, challenge, statement, signed_at: at })
    }

    fn server_now(&self) -> Time {
        Time::from_millis(self.clock.now().as_millis().saturating_add(self.ahead_ms.load(Ordering::Relaxed)))
    }

    /// Takes over the server's time, which it has proven to be its own, from a refusal of the signature. False when it is the
    /// time that was used anyway; an error when this machine's clock is further away than any signature is made for.
    pub(crate) fn correct_clock(&self, reached: &Reached) -> Result<bool, String> {
        let Ok(statement) = &reached.statement else { return Ok(false) };
        let server = statement.at.as_millis();
        let is_off = server.abs_diff(reached.signed_at.as_millis()) > CLOCK_SLACK.0;
        if reached.answer.status != StatusCode::UNAUTHORIZED || !is_off {
            return Ok(false);
        }
        let ahead = server.saturating_sub(self.clock.now().as_millis());
        if ahead.unsigned_abs() > CLOCK_MOST.0 {
            let hours = ahead.unsigned_abs() / 3_600_000;
            return Err(format!(
                "this machine's clock is {hours} hours away from the control plane's; set it (timedatectl set-ntp true) and \
                 the agent connects by itself"
            ));
        }
        tracing::warn!(
            ahead_ms = ahead,
            "this machine's clock differs from the control plane's; signing with its time"
        );
        self.ahead_ms.store(ahead, Ordering::Relaxed);
        Ok(true)
    }
}

/// What an answer without a link means.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// The control plane has spoken, and does not give a link.
    Refused(StatusCode, String),
    /// Something between here and the control plane passes no upgrade of this kind; the sentence is for when no other does.
    NoUpgrade(String),
    /// What answers is not known to be the control plane.
    Unproven(String),
    /// What answers says that it cannot now.
    Away(String),
}

impl Reached {
    /// What the answer means to who asked this way.
    pub(crate) fn told(&self, way: Way, url: &str) -> Told {
        let status = self.answer.status;
        match &self.statement {
            Ok(statement) if statement.saw != way => Told::NoUpgrade(format!(
                "a proxy between this machine and the control plane at {url} does not pass upgrades. Add to it: {PASS_UPGRADES}"
            )),
            Ok(_) => Told::Refused(status, Foreign(sentence(&self.answer)).to_string()),
            Err(_) if matches!(status.as_u16(), 200..=399 | 400 | 405 | 426 | 501 | 502) => Told::NoUpgrade(format!(
                "{url} answers {status} instead of making a link; if a proxy between this machine and the control plane does \
                 not pass upgrades, add to it: {PASS_UPGRADES}"
            )),
            Err(_) if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                Told::Away(format!("{url} answers {status}"))
            }
            Err(wrong) => Told::Unproven(format!("{wrong} (it answers {status})")),
        }
    }
}

/// Adds the headers that ask for an upgrade; the key of a WebSocket's handshake.
fn upgrade(headers: &mut HeaderMap, way: Way) -> Option<String> {
    if way == Way::None {
        return None;
    }
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static(way.as_str()));
    if way != Way::WebSocket {
        return None;
    }
    let key = ostler_runtime::challenge_key();
    headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(ostler_wire::link::UPGRADE));
    headers.insert(header::SEC_WEBSOCKET_KEY, HeaderValue::from_str(&key).expect("a key is base64"));
    Some(key)
}

async fn in_messages(io: Box<dyn Io>, headers: &HeaderMap, key: &str) -> Option<Box<dyn Io>> {
    let accepted = headers.get(header::SEC_WEBSOCKET_ACCEPT).map(HeaderValue::as_bytes);
    if accepted != Some(ostler_runtime::accept_key(key.as_bytes()).as_bytes()) {
        return None;
    }
    Some(Box::new(ostler_runtime::in_messages(io, true).await))
}
