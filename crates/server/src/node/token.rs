//! Join tokens: single-use, short-lived rights to add one node.

use crate::app::App;
use crate::auth::hash_token;
use crate::http::{Allowed, Error, Json, NoContent, Once, Query, Result, View, allow, page, paging};
use ostler_model::authz::{Collection, Grant, Read, Write};
use ostler_model::node::{JoinToken, Node};
use ostler_model::{Millis, UserId};
use ostler_wire::Page;
use ostler_wire::node::{JoinTokenCreate, JoinTokenCreated, JoinTokenView};
use ostler_wire::page::PageQuery;

/// An hour: enough to walk to a machine, too short to be found later in a shell's history.
const USUAL_SECS: u32 = 3600;

/// The join tokens of a workspace, newest first, with the node that each made.
pub async fn tokens(
    app: App,
    nodes: Allowed<Collection<Node>, Read>,
    Query(query): Query<PageQuery>,
) -> Result<View<Page<JoinTokenView>>> {
    let at = paging(query.limit, query.cursor.as_deref())?;
    let found = app.store.join_token_list(nodes.resource.workspace_id(), &at).await?;
    Ok(View(page(found, token_view)))
}

/// Make a join token: the right to add one node, once, within its time. Run the command of the answer on the machine.
pub async fn invite(
    app: App,
    nodes: Allowed<Collection<Node>, Write>,
    Json(body): Json<JoinTokenCreate>,
) -> Result<Once<JoinTokenCreated>> {
    make(&app, &nodes.grant, nodes.caller.authority.user(), body).await.map(Once)
}

/// Makes a token for the workspace, or the platform, that the grant is for.
pub(crate) async fn make(
    app: &App,
    grant: &Grant<Collection<Node>, Write>,
    created_by: Option<UserId>,
    body: JoinTokenCreate,
) -> Result<JoinTokenCreated> {
    let now = app.clock.now();
    let secret = format!("ojt_{}", hex::encode(app.ids.bytes::<32>()));
    let token = JoinToken {
        id: app.ids.next(),
        workspace: grant.workspace(),
        created_by,
        label: body.label,
        created_at: now,
        expires_at: now + Millis::secs(u64::from(body.expires_in_secs.unwrap_or(USUAL_SECS))),
        used_at: None,
        node: None,
    };
    let token = app.store.join_token_create(grant, &token, &hash_token(&secret), now).await?;
    let secret = format!("{secret}.{}", app.link_key.public());
    // The shell's own echo: the token stands in no list of processes.
    let command = format!("echo {secret} | ostler agent join {} -", app.config.public_url());
    Ok(JoinTokenCreated { id: token.id, token: secret, command, expires_at: token.expires_at })
}

/// End a join token that nobody has used yet.
pub async fn uninvite(app: App, token: Allowed<JoinToken, Write>, _: ()) -> Result<NoContent> {
    let nodes = token.resource.workspace.map_or_else(Collection::platform, Collection::of);
    let grant = allow::<Collection<Node>, Write>(&token.caller, &nodes)?;
    if app.store.join_token_revoke(&grant, token.resource.id, app.clock.now()).await? {
        return Ok(NoContent);
    }
    Err(Error::conflict("join_token_used", "this token has been used; remove the node that it made instead"))
}

fn token_view(token: JoinToken) -> JoinTokenView {
    let JoinToken { id, label, created_at, expires_at, used_at, node, .. } = token;
    JoinTokenView { id, label, created_at, expires_at, used_at, node }
}
