//! Samples: one valid body per input type. The access matrix sends them, and the API document shows them.

use serde_json::{Value, json};

/// An input that can show a valid example of itself. An endpoint whose body has none does not compile.
pub trait Sample {
    /// A valid body. Texts that name other things (an e-mail address, a template) are ones that the test harness creates.
    fn sample() -> Value;
}

macro_rules! samples {
    ($($type:ty => $value:tt;)*) => {$(
        impl Sample for $type {
            fn sample() -> Value {
                json!($value)
            }
        }
    )*};
}

samples! {
    crate::setup::Install => {
        "secret": "the-printed-secret", "email": "ada@example.org", "name": "Ada", "password": "correct horse battery"
    };
    crate::auth::Login => {"email": "ada@example.org", "password": "correct horse battery"};
    crate::audit::AuditRetention => {"keep_days": 365};
    crate::auth::RefreshInput => {"refresh_token": "osr_sample"};
    crate::factor::MfaVerify => {"challenge_token": "osm_sample", "token": "123456"};
    crate::factor::RecoveryVerify => {"challenge_token": "osm_sample", "recovery_code": "abcd-efgh-jkmn-pqrs"};
    crate::factor::Confirm => {"password": "correct horse battery"};
    crate::factor::TotpBegin => {"label": "Phone"};
    crate::factor::TotpConfirm => {"token": "123456"};
    crate::factor::PasskeyCreate => {
        "ticket": "sample", "label": "Laptop",
        "credential": {"id": "AA", "response": {"clientDataJSON": "e30", "attestationObject": "oA"}}
    };
    crate::factor::PasskeyLogin => {
        "ticket": "sample",
        "credential": {"id": "AA", "response": {"clientDataJSON": "e30", "authenticatorData": "AA", "signature": "AA"}}
    };
    crate::factor::RequirementInput => {"is_required": true, "grace_days": 14};
    crate::oidc::ProviderCreate => {
        "slug": "corporate", "name": "Corporate", "issuer": "https://id.example.org", "client_id": "ostler"
    };
    crate::oidc::ProviderUpdate => {"name": "Corporate"};
    crate::oidc::ProviderTest => {"issuer": "https://id.example.org"};
    crate::user::UserCreate => {"email": "new@example.org", "name": "New"};
    crate::user::UserUpdate => {"name": "Renamed"};
    crate::user::MeUpdate => {"name": "Renamed"};
    crate::user::PasswordChange => {
        "current_password": "correct horse battery", "new_password": "another horse battery"
    };
    crate::user::PreferencesUpdate => {"timezone": "Europe/Berlin", "critical_mail": true};
    crate::invite::InviteCreate => {"email": "guest@example.org", "role": "viewer"};
    crate::invite::InviteAccept => {"password": "correct horse battery"};
    crate::invite::InviteJoin => {"token": "osi_token"};
    crate::invite::Forgot => {"email": "ada@example.org"};
    crate::invite::ResetSpend => {"password": "correct horse battery"};
    crate::setting::SettingsUpdate => {"values": {"mail.port": 2525}};
    crate::setting::MailCheck => {"values": {"mail.host": "localhost"}};
    crate::setup::CheckDatabase => {"secret": "the-printed-secret"};
    crate::setup::CheckRedis => {"secret": "the-printed-secret", "host": "localhost"};
    crate::setup::CheckSmtp => {"secret": "the-printed-secret", "values": {"mail.host": "localhost"}};
    crate::workspace::WorkspaceCreate => {"name": "Stables"};
    crate::workspace::WorkspaceUpdate => {"name": "Stables", "timezone": "Europe/Berlin"};
    crate::workspace::WorkspaceDelete => {"confirm": "home"};
    crate::member::MemberAdd => {"email": "friend@example.org", "role": "viewer"};
    crate::member::MemberUpdate => {"role": "viewer"};
    crate::role::RoleCreate => {"name": "Night watch", "capabilities": ["workload:operate"]};
    crate::role::RoleUpdate => {"description": "Looks after the servers at night"};
    crate::team::TeamCreate => {"name": "Builders", "grant": {"role": "viewer", "on": "workspace"}};
    crate::team::TeamUpdate => {"description": "People who build"};
    crate::team::TeamMemberAdd => {"user": "us_01j9zq3c8vdt4x0f5k2m7n6p1r"};
    crate::key::KeyCreate => {"label": "Deploy", "capabilities": ["workload:read"]};
    crate::key::KeyUpdate => {"label": "Deploy at night"};
    crate::bot::BotCreate => {"name": "ladder", "titles": ["tic-tac-toe"], "per_minute": 600};
    crate::matches_api::MatchCreate => {"title": "tic-tac-toe", "config": {}};
    crate::matches_api::MatchUpdate => {"config": {"startDelay": 5}};
    crate::matches_api::MatchStart => {"is_set": true};
    crate::matches_api::MatchPause => {"paused": true};
    crate::matches_api::MatchKick => {"client": "aB3dE5gH"};
    crate::node::NodeUpdate => {"is_draining": true};
    crate::node::NodeForget => {"confirm": "rack-1"};
    crate::node::JoinTokenCreate => {"label": "Rack 1"};
    crate::node::Join => {
        "token": "jt_sample", "public_key": "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "facts": {
            "hostname": "rack-1", "os": "Debian GNU/Linux 12 (bookworm)", "kernel": "6.1.0", "arch": "x86_64",
            "agent_version": "0.1.0", "cpu_count": 2, "memory_bytes": 4_294_967_296_u64,
            "disk_bytes": 42_949_672_960_u64, "address": "192.0.2.10", "port_range": [30000, 30999],
            "can": {
                "is_root": true, "own_accounts": true, "sandbox": "bubblewrap", "cgroups": "v2", "packages": [],
                "notes": []
            }
        }
    };
    crate::workload::WorkloadCreate => {
        "name": "Sample", "template": "process", "variables": {"program": "sleep", "arguments": "1000"}, "start": false
    };
    crate::workload::WorkloadUpdate => {"name": "Renamed"};
    crate::workload::WorkloadForget => {"confirm": "Sample"};
    crate::console::ConsoleCommand => {"command": "help"};
}
