//! What is wrong with a node, worst first: one pure list for the overview, the node's page and the command line.

use super::{Isolation, Node};
use crate::workload::Runtime;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One thing that is wrong, with what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    pub code: ProblemCode,
    /// Nothing new of some kind starts on the node because of it.
    pub is_blocking: bool,
    /// A sentence.
    pub message: String,
    /// What to do.
    pub remedy: String,
}

/// What kind of problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProblemCode {
    /// It separates processes less than its owner demands, so it starts none.
    NotIsolated,
    /// Another machine shows its key: its state was copied or restored.
    Copied,
    /// Its agent is of an older release and does not check whom it obeys.
    OldAgent,
    /// Its owner allows processes that see and change the whole machine.
    Unfenced,
    LowDisk,
    LowMemory,
    /// Processes reach what listens on the machine itself.
    SharedNetwork,
}

/// What the links of a node have shown, beside what it says itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct LinkFacts<'a> {
    /// Another machine has shown its key lately, from this address where it is known.
    pub copy: Option<Option<&'a str>>,
    /// Its agent speaks the protocol of an older release.
    pub is_old_agent: bool,
}

/// What is wrong with a node, worst first.
pub fn problems(node: &Node, link: LinkFacts<'_>) -> Vec<Problem> {
    let can = &node.facts.can;
    let mut out = vec![];
    let mut add = |code, is_blocking, message: String, remedy: String| {
        out.push(Problem { code, is_blocking, message, remedy });
    };
    if let Some(from) = link.copy {
        let from = from.map_or_else(String::new, |from| format!(", from {from}"));
        add(
            ProblemCode::Copied,
            false,
            format!("Another machine shows this node's key and is refused{from}: its state was copied or restored."),
            format!(
                "Run `ostler agent leave --abandon` and `ostler agent join` on the copy; or stop this node and let the other take its \
                 place: ostler node accept {}",
                node.name
            ),
        );
    }
    let install = "Install the package bubblewrap on it and restart its agent";
    if can.admits(Runtime::Process, node.min_isolation).is_err() {
        let but = if can.container_engine.is_some() { " Containers still start." } else { "" };
        add(
            ProblemCode::NotIsolated,
            true,
            format!(
                "It does not isolate processes, so it starts none: it demands {} and can do {}. What runs goes on.{but}",
                node.min_isolation, can.isolation
            ),
            format!("{install}, or allow less by name: ostler node isolation {} {}", node.name, can.isolation),
        );
    } else if can.isolation == Isolation::None {
        add(
            ProblemCode::Unfenced,
            false,
            "Processes see and change the whole machine, because its owner allows it.".to_owned(),
            format!("{install}, then: ostler node isolation {} {}", node.name, Isolation::USUAL_MIN),
        );
    }
    if link.is_old_agent {
        add(
            ProblemCode::OldAgent,
            false,
            "Its agent is of an older release and does not check whom it obeys.".to_owned(),
            "Upgrade its agent.".to_owned(),
        );
    }
    if node.facts.low.disk {
        let remedy = "Free some disk on it: delete servers, or enlarge the disk.".to_owned();
        add(ProblemCode::LowDisk, true, "It has too little free disk, so nothing new starts.".to_owned(), remedy);
    }
    if node.facts.low.memory {
        let remedy = "Stop servers on it, or find what else uses its memory.".to_owned();
        add(ProblemCode::LowMemory, true, "It has too little free memory, so nothing new starts.".to_owned(), remedy);
    }
    if can.isolation == Isolation::SharedNetwork {
        add(
            ProblemCode::SharedNetwork,
            false,
            "Processes share the machine's network: they reach what listens on its loopback.".to_owned(),
            "Run nothing there that trusts loopback; the node's notes say what a network of their own needs."
                .to_owned(),
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::{Abilities, Facts, Low};
    use crate::{Id, NodeId, Time};

    fn node(isolation: Isolation, min_isolation: Isolation, low: Low) -> Node {
        let can = Abilities { isolation, ..Abilities::default() };
        Node {
            id: NodeId::from_parts(Time::ZERO, 1),
            workspace: None,
            name: "rack".parse().unwrap(),
            public_key: vec![],
            facts: Facts { can, low, ..Facts::default() },
            is_draining: false,
            min_isolation,
            desired_seq: 0,
            joined_at: Time::ZERO,
            seen_at: None,
        }
    }

    #[test]
    fn s2_what_is_wrong_with_a_node_is_said_worst_first_and_with_the_remedy() {
        use Isolation::{Full, None, SharedNetwork};
        use ProblemCode as P;
        let (enough, low) = (Low::default(), Low { disk: true, memory: true });
        for (has, min, low, expected) in [
            (Full, Full, enough, vec![]),
            (Full, None, enough, vec![]),
            (SharedNetwork, SharedNetwork, enough, vec![(P::SharedNetwork, false)]),
            (SharedNetwork, Full, enough, vec![(P::NotIsolated, true), (P::SharedNetwork, false)]),
            (None, SharedNetwork, enough, vec![(P::NotIsolated, true)]),
            (None, None, enough, vec![(P::Unfenced, false)]),
            (Full, Full, low, vec![(P::LowDisk, true), (P::LowMemory, true)]),
        ] {
            let found = problems(&node(has, min, low), LinkFacts::default());
            let words: Vec<_> = found.iter().map(|p| (p.code, p.is_blocking)).collect();
            assert_eq!(words, expected, "{has} {min} {low:?}");
            assert!(found.iter().all(|p| p.message.ends_with('.') && !p.remedy.is_empty()));
        }
        let link = LinkFacts { copy: Some(Some("203.0.113.7")), is_old_agent: true };
        let found = problems(&node(Full, Full, enough), link);
        assert_eq!(found.iter().map(|p| p.code).collect::<Vec<_>>(), [P::Copied, P::OldAgent]);
        assert!(found[0].message.contains("203.0.113.7") && found[0].remedy.contains("ostler node accept rack"));
        let remedy = &problems(&node(None, SharedNetwork, enough), LinkFacts::default())[0].remedy;
        assert!(remedy.contains("bubblewrap") && remedy.contains("ostler node isolation rack none"), "{remedy}");
    }
}
