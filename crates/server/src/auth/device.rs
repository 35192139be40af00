//! The browsers in which a person has signed in before. Their attempts are counted by themselves, so that guesses from elsewhere
//! keep no owner waiting.
//!
//! What such a browser holds is sealed, names one address, and proves nothing about who sits there: a password is needed as
//! before, and wrong ones from this browser have to wait like all others.

use crate::app::App;
use crate::factor::ticket::{self, Purpose};
use crate::factor::{self, Browser};
use crate::http::Result;
use crate::limits;
use http::HeaderMap;
use ostler_model::user::Email;
use serde::{Deserialize, Serialize};

const COOKIE: &str = "ostler_device";
const COOKIE_PATH: &str = "/api/v1/auth";

#[derive(Debug, Serialize, Deserialize)]
struct Device {
    id: String,
    email: String,
}

/// What attempts of this browser for this address are counted under, when its person has signed in here before.
pub(super) fn subject(app: &App, browser: &Browser, email: &Email) -> Option<String> {
    known(app, browser, email).map(|device| format!("device:{}", device.id))
}

/// Headers by which a browser is known next time.
pub(crate) fn cookie(app: &App, browser: &Browser, email: &Email, is_secure: bool) -> Result<HeaderMap> {
    let fresh = || Device { id: hex::encode(app.ids.bytes::<16>()), email: email.to_string() };
    let device = known(app, browser, email).unwrap_or_else(fresh);
    let text = ticket::seal(app, Purpose::Device, device, limits::DEVICE_TIME)?;
    factor::cookie(COOKIE, &text, COOKIE_PATH, limits::DEVICE_TIME.0 / 1000, is_secure)
}

fn known(app: &App, browser: &Browser, email: &Email) -> Option<Device> {
    let ticket = ticket::open::<Device>(app, Purpose::Device, browser.cookie(COOKIE)?)?;
    Some(ticket.body).filter(|device| device.email == email.as_str())
}
