//! Places for the nodes of a lineage graph, to draw it in columns.

use std::collections::{BTreeMap, BTreeSet};

use super::lineage::{LineageGraph, LineageNode};

/// How often the rows of all layers are sorted again. More changes little.
const SWEEPS: usize = 4;

/// The place of a node in a drawing of a lineage graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct LineagePlace {
    /// The column: the length of the longest path that leads to the node.
    pub layer: usize,
    /// The row within the column, from 0.
    pub row: usize,
}

impl LineageGraph {
    /// Returns a place for each node, so that edges lead to the right and rarely cross.
    ///
    /// If there is a cycle, one of its edges leads back.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let database = tracklite::Database::create(folder.path().join("runs.tracklite"))?;
    /// use tracklite::lineage::{LineageDirection, LineageNode};
    ///
    /// let experiment = database.default_experiment()?;
    /// let run = experiment.start_run("training")?;
    /// let model = experiment.new_logged_model().source_run(run.id()).create()?;
    /// let run = LineageNode::Run(run.id());
    /// let graph = database.lineage(&run, LineageDirection::Both)?;
    /// let layout = graph.layout();
    /// assert_eq!(layout[&run].layer, 0);
    /// assert_eq!(layout[&LineageNode::LoggedModel(model.id())].layer, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn layout(&self) -> BTreeMap<&LineageNode, LineagePlace> {
        let places: BTreeMap<&LineageNode, usize> = self.nodes.keys().zip(0..).collect();
        let mut next = vec![Vec::new(); places.len()];
        for edge in &self.edges {
            if let (Some(from), Some(to)) = (places.get(&edge.from), places.get(&edge.to))
                && let Some(next) = next.get_mut(*from)
            {
                next.push(*to);
            }
        }
        let next = without_cycles(&next);
        let layers = layers(&next);
        let rows = rows(&next, &layers);
        let found = self.nodes.keys().zip(layers.into_iter().zip(rows));
        found.map(|(node, (layer, row))| (node, LineagePlace { layer, row })).collect()
    }

    /// Returns the part of the graph that is at most `depth` edges away from a node.
    #[must_use]
    pub fn within(&self, node: &LineageNode, depth: usize) -> LineageGraph {
        let mut kept = BTreeSet::from([node]);
        for _ in 0..depth {
            let before = kept.len();
            let ends = self.edges.iter().map(|edge| (&edge.from, &edge.to));
            let near: Vec<_> =
                ends.filter(|(from, to)| kept.contains(from) || kept.contains(to)).collect();
            kept.extend(near.into_iter().flat_map(|(from, to)| [from, to]));
            if kept.len() == before {
                break;
            }
        }
        let nodes = self.nodes.iter().filter(|(node, _)| kept.contains(node));
        let edges = self.edges.iter();
        let edges = edges.filter(|edge| kept.contains(&edge.from) && kept.contains(&edge.to));
        LineageGraph {
            nodes: nodes.map(|(node, label)| (node.clone(), label.clone())).collect(),
            edges: edges.cloned().collect(),
        }
    }
}

/// Returns the edges without those that lead back on a path, by depth-first search.
fn without_cycles(next: &[Vec<usize>]) -> Vec<Vec<usize>> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        OnPath,
        Done,
    }
    let mut marks = vec![Mark::New; next.len()];
    let mut kept = vec![Vec::new(); next.len()];
    for start in 0..next.len() {
        if marks[start] != Mark::New {
            continue;
        }
        marks[start] = Mark::OnPath;
        let mut path = vec![(start, 0)];
        while let Some((node, tried)) = path.pop() {
            let Some(&to) = next[node].get(tried) else {
                marks[node] = Mark::Done;
                continue;
            };
            path.push((node, tried + 1));
            if marks[to] == Mark::OnPath {
                continue;
            }
            kept[node].push(to);
            if marks[to] == Mark::New {
                marks[to] = Mark::OnPath;
                path.push((to, 0));
            }
        }
    }
    kept
}

/// Returns the length of the longest path to each node.
fn layers(next: &[Vec<usize>]) -> Vec<usize> {
    let mut incoming = vec![0_usize; next.len()];
    next.iter().flatten().for_each(|to| incoming[*to] += 1);
    let mut layers = vec![0; next.len()];
    let mut ready: Vec<usize> = (0..next.len()).filter(|node| incoming[*node] == 0).collect();
    while let Some(node) = ready.pop() {
        for &to in &next[node] {
            layers[to] = layers[to].max(layers[node] + 1);
            incoming[to] -= 1;
            if incoming[to] == 0 {
                ready.push(to);
            }
        }
    }
    layers
}

/// Returns the row of each node: sorted by the mean row of its neighbours, to and fro.
fn rows(next: &[Vec<usize>], layers: &[usize]) -> Vec<usize> {
    let mut before = vec![Vec::new(); next.len()];
    for (from, ends) in next.iter().enumerate() {
        ends.iter().for_each(|to| before[*to].push(from));
    }
    let depth = layers.iter().max().map_or(0, |last| last + 1);
    let mut columns = vec![Vec::new(); depth];
    for (node, layer) in layers.iter().enumerate() {
        columns[*layer].push(node);
    }
    let mut rows = vec![0; next.len()];
    for column in &columns {
        column.iter().enumerate().for_each(|(row, node)| rows[*node] = row);
    }
    for sweep in 0..SWEEPS {
        let neighbours = if sweep % 2 == 0 { &before } else { next };
        for step in 0..depth {
            let at = if sweep % 2 == 0 { step } else { depth - 1 - step };
            let column = &mut columns[at];
            let mean = |node: &usize| {
                let near = &neighbours[*node];
                let sum: usize = near.iter().map(|other| rows[*other]).sum();
                if near.is_empty() { rows[*node] as f64 } else { sum as f64 / near.len() as f64 }
            };
            column.sort_by(|left, right| mean(left).total_cmp(&mean(right)));
            column.iter().enumerate().for_each(|(row, node)| rows[*node] = row);
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entity::id::RunId;
    use crate::entity::{LineageEdge, LineageKind};

    fn node(number: u32) -> LineageNode {
        LineageNode::Run(RunId::from_random(u128::from(number) << 100))
    }

    fn graph(edges: &[(u32, u32)]) -> LineageGraph {
        let ends = edges.iter().flat_map(|(from, to)| [*from, *to]);
        let edge = |(from, to): &(u32, u32)| LineageEdge {
            from: node(*from),
            to: node(*to),
            kind: LineageKind::Input,
        };
        LineageGraph {
            nodes: ends.map(|number| (node(number), number.to_string())).collect(),
            edges: edges.iter().map(edge).collect(),
        }
    }

    fn layer(graph: &LineageGraph, number: u32) -> usize {
        graph.layout()[&node(number)].layer
    }

    /// Counts the pairs of edges between neighbouring layers that cross.
    fn crossings(graph: &LineageGraph) -> usize {
        let layout = graph.layout();
        let ends = graph.edges.iter().map(|edge| (layout[&edge.from], layout[&edge.to]));
        let ends: Vec<_> = ends.collect();
        let crossed = |one: &(LineagePlace, LineagePlace), two: &(LineagePlace, LineagePlace)| {
            one.0.layer == two.0.layer && one.0.row < two.0.row && one.1.row > two.1.row
        };
        ends.iter().map(|one| ends.iter().filter(|two| crossed(one, two)).count()).sum()
    }

    #[test]
    fn a_node_is_right_of_all_its_origins() {
        let graph = graph(&[(1, 2), (2, 3), (1, 3), (4, 3)]);
        assert_eq!([1, 2, 3, 4].map(|number| layer(&graph, number)), [0, 1, 2, 0]);
    }

    #[test]
    fn no_two_nodes_have_one_place() {
        let graph = graph(&[(1, 5), (2, 5), (3, 6), (4, 6), (5, 7), (6, 7), (1, 6)]);
        let layout = graph.layout();
        let places: BTreeSet<_> = layout.values().map(|at| (at.layer, at.row)).collect();
        assert_eq!(places.len(), graph.nodes.len());
        assert!(layout.values().all(|place| place.row < 4));
    }

    #[test]
    fn rows_are_sorted_so_that_edges_do_not_cross() {
        // In the order of their names, all three pairs of edges cross.
        let graph = graph(&[(1, 6), (2, 5), (3, 4)]);
        assert_eq!(crossings(&graph), 0);
    }

    #[test]
    fn a_cycle_ends() {
        let graph = graph(&[(1, 2), (2, 3), (3, 1), (3, 4)]);
        assert_eq!([1, 2, 3, 4].map(|number| layer(&graph, number)), [0, 1, 2, 3]);
        let own = self::graph(&[(1, 1)]);
        assert_eq!(layer(&own, 1), 0);
        assert!(LineageGraph::default().layout().is_empty());
    }

    #[test]
    fn a_part_has_the_nodes_near_one() {
        let graph = graph(&[(1, 2), (2, 3), (3, 4), (5, 3)]);
        let names = |part: &LineageGraph| part.nodes.values().cloned().collect::<Vec<_>>().concat();
        let near = graph.within(&node(2), 1);
        assert_eq!((names(&near).as_str(), near.edges.len()), ("123", 2));
        assert_eq!(names(&graph.within(&node(2), 0)), "2");
        assert_eq!(graph.within(&node(2), 9), graph);
    }
}
