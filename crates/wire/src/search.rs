//! Search over everything that somebody may see.

use ostler_model::WorkspaceId;
use ostler_model::search::What;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is searched for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchQuery {
    /// Words, or beginnings of words, in any case and with or without accents; or an id. Up to 8 words.
    #[schemars(length(max = 200))]
    pub q: String,
    /// Only things of this kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<What>,
    /// Only what is in this workspace: an id or a short name. Everywhere that you may look, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 80))]
    pub workspace: Option<String>,
    /// 1 to 50, default 20.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 50))]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 200))]
    pub cursor: Option<String>,
}

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SearchHit {
    pub kind: What,
    /// Its id; an event's sequence number; a template's name; of a member the person's id.
    pub id: String,
    /// What it is called, or what happened.
    pub title: String,
    /// What else there is to say in one line.
    pub subtitle: String,
    /// The workspace that it is in, unless it belongs to the platform or to you alone.
    pub workspace: Option<WorkspaceId>,
    /// The id of the thing that an event is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// Where the panel shows it.
    pub path: String,
}
