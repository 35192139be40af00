//! Exit codes, and the errors that are the command line's own.

use ostler_wire::client::ClientError;

/// What scripts can rely on. Printed below every help.
pub const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed, 2 wrong words or values, 3 not found, 4 not allowed, \
                              5 refused by the present state, 6 not in time, 7 the server cannot be reached";

/// What went wrong on this side.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// What was asked for was tried and did not work out.
    #[error("{0}")]
    Failed(String),
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    NotFound(String),
    #[error("{0}")]
    NotAllowed(String),
    #[error("{0}")]
    Late(String),
}

/// The exit code for an error.
pub fn exit_code(error: &anyhow::Error) -> u8 {
    if let Some(trouble) = error.downcast_ref::<Trouble>() {
        return match trouble {
            Trouble::Failed(_) => 1,
            Trouble::Usage(_) => 2,
            Trouble::NotFound(_) => 3,
            Trouble::NotAllowed(_) => 4,
            Trouble::Late(_) => 6,
        };
    }
    match error.downcast_ref::<ClientError>() {
        Some(ClientError::Refused(refused)) => match refused.status.as_u16() {
            400 | 405 | 413 | 415 | 422 => 2,
            404 => 3,
            401 | 403 => 4,
            409 => 5,
            408 | 429 => 6,
            _ => 1,
        },
        Some(ClientError::Unreachable { .. } | ClientError::Cut { .. } | ClientError::Foreign { .. }) => 7,
        Some(ClientError::Address { .. }) => 2,
        Some(ClientError::Unreadable { .. }) | None => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_trouble_has_its_code_also_below_more_words() {
        let own = |trouble: Trouble| exit_code(&anyhow::Error::new(trouble));
        assert_eq!(own(Trouble::Failed(String::new())), 1);
        assert_eq!(own(Trouble::Usage(String::new())), 2);
        assert_eq!(own(Trouble::NotFound(String::new())), 3);
        assert_eq!(own(Trouble::NotAllowed(String::new())), 4);
        assert_eq!(own(Trouble::Late(String::new())), 6);
        let away = ClientError::Unreachable { url: String::new(), why: String::new() };
        assert_eq!(exit_code(&anyhow::Error::new(away).context("more words")), 7);
        assert_eq!(exit_code(&anyhow::anyhow!("anything else")), 1);
    }
}
