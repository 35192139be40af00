//! Making a failing plan smaller: operations are left out for as long as it still fails.

use super::plan::Plan;

/// A plan with fewer operations that `fails`, too. Tries at most so many plans.
pub fn shrink(plan: &Plan, mut tries: usize, fails: impl Fn(&Plan) -> bool) -> Plan {
    let mut best = plan.clone();
    let mut size = best.ops.len().div_ceil(2);
    while size > 0 && tries > 0 {
        let mut at = 0;
        let mut has_shrunk = false;
        while at < best.ops.len() && tries > 0 {
            let mut smaller = best.clone();
            smaller.ops.drain(at..(at + size).min(smaller.ops.len()));
            tries -= 1;
            if fails(&smaller) {
                best = smaller;
                has_shrunk = true;
            } else {
                at += size;
            }
        }
        if !has_shrunk || size > best.ops.len() {
            size /= 2;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::super::plan::{Op, Plan};
    use super::*;
    use ostler_model::Millis;

    #[test]
    fn only_the_operations_that_matter_are_left() {
        let mut plan =
            Plan { seed: 1, nodes: 2, ahead_ms: vec![], pause: Millis(0), ops: vec![Op::Wait { span: Millis(1) }; 60] };
        plan.ops[17] = Op::Cut { node: 0 };
        plan.ops[43] = Op::Cut { node: 1 };
        let fails = |plan: &Plan| plan.ops.iter().filter(|op| matches!(op, Op::Cut { .. })).count() == 2;
        let small = shrink(&plan, 1000, fails);
        assert_eq!(small.ops, [Op::Cut { node: 0 }, Op::Cut { node: 1 }]);
    }
}
