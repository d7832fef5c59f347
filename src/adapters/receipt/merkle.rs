//! A tree of digests over the answers of a batch, so that each can be proved from the signed root alone.
//!
//! Leaves and inner nodes are told apart by a leading byte, as RFC 6962 does, so that no answer can pose as a node. A node
//! without a partner moves up as it is.

use crate::adapters::credit_events::views::hex;
use crate::adapters::receipt::unhex;
use serde_json::Value;
use sha2::Digest;
use sha2::Sha256;

type Node = [u8; 32];

/// One answer as it is printed, and its digest.
#[derive(Debug, Clone)]
pub struct Leaf {
    /// The answer.
    pub text: String,
    digest: Node,
}

impl Leaf {
    /// Takes the digest of an answer.
    #[must_use]
    pub fn new(text: String) -> Leaf {
        let digest = leaf(&text);
        Leaf { text, digest }
    }

    /// The digest of an answer that is kept elsewhere.
    #[must_use]
    pub fn of(text: &str) -> Leaf {
        let digest = leaf(text);
        let text = String::new();
        Leaf { text, digest }
    }
}

/// The digest of one answer.
fn leaf(text: &str) -> Node {
    let mut hasher = Sha256::new();
    hasher.update([0]);
    hasher.update(text.as_bytes());
    hasher.finalize().into()
}

fn parent(left: &Node, right: &Node) -> Node {
    let mut hasher = Sha256::new();
    hasher.update([1]);
    hasher.update(left);
    hasher.update(right);
    hasher.finalize().into()
}

/// All levels of the tree, the leaves first.
pub struct Tree(Vec<Vec<Node>>);

impl Tree {
    /// The tree over some answers.
    #[must_use]
    pub fn new(items: &[Value]) -> Tree {
        Tree::rise(items.iter().map(|item| leaf(&item.to_string())).collect())
    }

    /// The tree over answers whose digests were taken already.
    #[must_use]
    pub fn over(leaves: &[Leaf]) -> Tree {
        Tree::rise(leaves.iter().map(|leaf| leaf.digest).collect())
    }

    fn rise(leaves: Vec<Node>) -> Tree {
        let mut levels: Vec<Vec<Node>> = vec![leaves];
        while let Some(below) = levels.last().filter(|level| level.len() > 1) {
            let above = below.chunks(2).map(|pair| match pair {
                [left, right] => parent(left, right),
                alone => alone[0],
            });
            levels.push(above.collect());
        }
        Tree(levels)
    }

    /// The root in hexadecimal digits; of no answers at all, zeros.
    #[must_use]
    pub fn root(&self) -> String {
        let top = self.0.last().and_then(|level| level.first());
        hex(top.unwrap_or(&[0; 32]))
    }

    /// The steps from an answer to the root: `L` or `R` for the side the neighbour stands on, and its digest.
    #[must_use]
    pub fn proof(&self, at: usize) -> Vec<String> {
        let mut place = at;
        let mut steps = Vec::new();
        for level in &self.0 {
            let (side, neighbour) = if place.is_multiple_of(2) {
                ("R", level.get(place + 1))
            } else {
                ("L", level.get(place - 1))
            };
            if let Some(neighbour) = neighbour {
                steps.push(format!("{side}{}", hex(neighbour)));
            }
            place /= 2;
        }
        steps
    }
}

/// The root that an answer and its steps lead to; `None` for steps that are none.
#[must_use]
pub fn climb(item: &Value, steps: &[&str]) -> Option<String> {
    let mut node = leaf(&item.to_string());
    for step in steps {
        let neighbour = unhex(step.get(1..)?)?;
        node = match step.chars().next()? {
            'L' => parent(&neighbour, &node),
            'R' => parent(&node, &neighbour),
            _ => return None,
        };
    }
    Some(hex(&node))
}
