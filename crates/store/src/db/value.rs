//! Values that go into a statement. Each knows its type even when it is null, because PostgreSQL wants to know.

use ostler_model::matches::GameId;
use ostler_model::user::Email;
use ostler_model::{
    AuditId, BootId, BotId, FactorId, InstallationId, InviteId, JobId, JoinTokenId, KeyId, Label, MailId, Name, NodeId,
    ProviderId, RequestId, RoleId, SecretId, SessionId, TeamId, Time, Timezone, UserId, WorkloadId, WorkspaceId,
};

/// One bound value, in one of the five column types.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Text(Option<String>),
    Int(Option<i64>),
    Bool(Option<bool>),
    Real(Option<f64>),
    Bytes(Option<Vec<u8>>),
}

/// What can be bound.
pub(crate) trait ToValue {
    /// The typed null of its column type.
    const NULL: Value;
    /// The value itself.
    fn to_value(&self) -> Value;
}

impl<T: ToValue> ToValue for Option<T> {
    const NULL: Value = T::NULL;
    fn to_value(&self) -> Value {
        self.as_ref().map_or(T::NULL, ToValue::to_value)
    }
}

impl<T: ToValue + ?Sized> ToValue for &T {
    const NULL: Value = T::NULL;
    fn to_value(&self) -> Value {
        T::to_value(self)
    }
}

macro_rules! text {
    ($($type:ty),* $(,)?) => {$(
        impl ToValue for $type {
            const NULL: Value = Value::Text(None);
            fn to_value(&self) -> Value {
                Value::Text(Some(self.to_string()))
            }
        }
    )*};
}
text!(
    str,
    String,
    Name,
    Label,
    Email,
    Timezone,
    AuditId,
    BootId,
    BotId,
    FactorId,
    GameId,
    InstallationId,
    InviteId,
    JobId,
    JoinTokenId,
    KeyId,
    MailId,
    NodeId,
    ProviderId,
    RequestId,
    RoleId,
    SecretId,
    SessionId,
    TeamId,
    UserId,
    WorkloadId,
    WorkspaceId
);

macro_rules! int {
    ($($type:ty),*) => {$(
        impl ToValue for $type {
            const NULL: Value = Value::Int(None);
            fn to_value(&self) -> Value {
                // Counters that large do not occur; the cap keeps the order instead of wrapping round.
                Value::Int(Some(i64::try_from(*self).unwrap_or(i64::MAX)))
            }
        }
    )*};
}
int!(i64, u64, u32, u16, u8, usize);

impl ToValue for bool {
    const NULL: Value = Value::Bool(None);
    fn to_value(&self) -> Value {
        Value::Bool(Some(*self))
    }
}

impl ToValue for f64 {
    const NULL: Value = Value::Real(None);
    fn to_value(&self) -> Value {
        Value::Real(Some(*self))
    }
}

impl ToValue for [u8] {
    const NULL: Value = Value::Bytes(None);
    fn to_value(&self) -> Value {
        Value::Bytes(Some(self.to_vec()))
    }
}

impl ToValue for Vec<u8> {
    const NULL: Value = Value::Bytes(None);
    fn to_value(&self) -> Value {
        Value::Bytes(Some(self.clone()))
    }
}

impl ToValue for Time {
    const NULL: Value = Value::Int(None);
    fn to_value(&self) -> Value {
        Value::Int(Some(self.as_millis()))
    }
}

/// The values of one statement, in the order of `$1`, `$2`, …
macro_rules! args {
    ($($value:expr),* $(,)?) => {
        vec![$($crate::db::value::ToValue::to_value(&$value)),*]
    };
}
pub(crate) use args;
