//! The searchable fields of an entity, and the step from a comparison to a typed condition.

use super::message::{Checked, Problem, listed, quoted};
use super::operand::Operand;
use super::parse;
use super::query::{Condition, Field, Filter, SortKey};
use super::rule::{Quoting, Rule};
use super::syntax::{Comparison, Expression, Identifier, Span, written};
use super::wording::{Dialect, Named, kind_of};
use crate::entity::nearest::nearest;
use crate::error::Result;

/// The fields by which one kind of entity can be searched and ordered.
pub(super) struct Catalog<N: 'static, T: 'static> {
    /// Groups of fields. A key without a prefix is looked up in the first.
    pub(super) groups: &'static [Group<N, T>],
    /// Groups that MLflow does not have. Messages do not list them.
    pub(super) extras: &'static [Group<N, T>],
    /// Makes the field of a prefix with a number in it. MLflow does not have such fields.
    pub(super) numbered: fn(&str, &str) -> Option<Field<N, T>>,
    /// The search, which decides the texts of errors.
    pub(super) dialect: Dialect,
    /// How identifiers and values are unquoted.
    pub(super) quoting: Quoting,
    /// The order if the caller asks for none.
    pub(super) default_order: &'static [SortKey<N, T>],
    /// Keys appended to the caller's order, unless it already contains them.
    pub(super) tie_breaks: &'static [SortKey<N, T>],
}

/// A group of fields that share their prefixes.
pub(super) struct Group<N: 'static, T: 'static> {
    /// The accepted prefixes, with the one used in suggestions first.
    pub(super) prefixes: &'static [&'static str],
    /// The fields.
    pub(super) members: Members<N, T>,
}

impl<N, T> Group<N, T> {
    /// Returns a group with a fixed set of fields.
    pub(super) const fn named(
        prefixes: &'static [&'static str],
        attributes: &'static [Attribute<N, T>],
    ) -> Self {
        Group { prefixes, members: Members::Named(attributes) }
    }

    /// Returns a group in which every key is a field.
    pub(super) const fn keyed(
        prefixes: &'static [&'static str],
        field: fn(String) -> Field<N, T>,
        rule: Rule,
        orderable: bool,
    ) -> Self {
        Group { prefixes, members: Members::Keyed { field, rule, orderable } }
    }

    /// Returns MLflow's word for the kind of these fields.
    fn kind(&self) -> &'static str {
        kind_of(self.prefixes.first().copied().unwrap_or_default())
    }

    /// Returns the fields that can be used for this purpose, as they are listed in messages.
    fn usable(&self, purpose: Use) -> Vec<String> {
        let prefix = self.prefixes.first().copied().unwrap_or("");
        let usable = |name: &str| match prefix {
            "attributes" | "attribute" => name.to_owned(),
            _ => format!("{prefix}.{name}"),
        };
        match &self.members {
            Members::Named(_) => self.usable_names(purpose).into_iter().map(usable).collect(),
            Members::Keyed { orderable, .. } if purpose == Use::Filter || *orderable => {
                vec![usable("KEY")]
            }
            Members::Keyed { .. } => Vec::new(),
        }
    }

    /// Returns the fixed names of the group that can be used for this purpose.
    fn usable_names(&self, purpose: Use) -> Vec<&'static str> {
        let attributes = match self.members {
            Members::Named(attributes) => attributes,
            Members::Keyed { .. } => &[],
        };
        let listed = attributes.iter().filter(|attribute| attribute.is_listed);
        let usable = listed.filter(|attribute| attribute.serves(purpose));
        usable.filter_map(|attribute| attribute.names.first().copied()).collect()
    }
}

/// The keys of a group.
pub(super) enum Members<N: 'static, T: 'static> {
    /// Any key.
    Keyed {
        /// Makes the field of a key.
        field: fn(String) -> Field<N, T>,
        /// The operators and values that the field accepts.
        rule: Rule,
        /// Whether results can be ordered by it.
        orderable: bool,
    },
    /// A fixed set of names.
    Named(&'static [Attribute<N, T>]),
}

/// A field with a fixed name.
pub(super) struct Attribute<N: 'static, T: 'static> {
    /// Its names, the canonical one first.
    pub(super) names: &'static [&'static str],
    /// More names, accepted in filters only.
    pub(super) filter_names: &'static [&'static str],
    /// The field.
    pub(super) field: Field<N, T>,
    /// The operators and values that the field accepts.
    pub(super) rule: Rule,
    /// Whether results can be ordered by it.
    pub(super) orderable: bool,
    /// Whether messages list it. MLflow's messages list only its own fields.
    pub(super) is_listed: bool,
}

impl<N: Clone, T: Clone> Catalog<N, T> {
    /// Parses a filter. Fails with [`crate::ErrorKind::InvalidInput`] and a message with a caret.
    pub(super) fn filter(&self, text: &str) -> Result<Filter<N, T>> {
        let filter = parse::parse_filter(text).and_then(|tree| {
            let mut conditions = Vec::new();
            self.push_conditions(text, &tree, &mut conditions)?;
            Ok(Filter { conditions })
        });
        let broken = |place| self.dialect.broken_filter(text, place);
        filter.map_err(|problem| problem.into_error(broken, text))
    }

    fn push_conditions(
        &self,
        text: &str,
        tree: &Expression<'_>,
        conditions: &mut Vec<Condition<N, T>>,
    ) -> Checked<()> {
        match tree {
            Expression::Comparison(comparison) => {
                conditions.push(self.condition(text, comparison)?);
            }
            Expression::And(all) => {
                conditions.reserve(all.len());
                for one in all {
                    self.push_conditions(text, one, conditions)?;
                }
            }
        }
        Ok(())
    }

    fn condition(&self, text: &str, comparison: &Comparison<'_>) -> Checked<Condition<N, T>> {
        let found = self.find(text, &comparison.identifier, Use::Filter)?;
        let field = Named { kind: found.kind, key: comparison.identifier.key };
        let (dialect, quoting) = (self.dialect, self.quoting);
        let operand = Operand { text, comparison, rule: found.rule, quoting, dialect, field };
        let operator = comparison.operator;
        if !found.rule.operators.contains(&operator) {
            // MLflow checks the value first, except in its newer search of logged models.
            let sentence = match operand.check_kind() {
                Err(problem) if dialect != Dialect::LoggedModels => problem.into_sentence(),
                _ => Some(dialect.unfit_operator(field, operator, found.rule.operators)),
            };
            let name = written(text, comparison.identifier.span);
            let summary = format!("operator {operator} does not apply to {}", quoted(name));
            let operators = found.rule.operators.iter().map(|operator| operator.as_str());
            let problem = Problem::new(comparison.operator_span, summary, listed(operators));
            return Err(sentence.into_iter().fold(problem, Problem::sentence));
        }
        match found.field {
            Field::Number(field) => Ok(Condition::Number(field, operand.number_test()?)),
            Field::Text(field) => Ok(Condition::Text(field, operand.text_test()?)),
        }
    }

    /// Returns the field that an identifier refers to.
    pub(super) fn find(
        &self,
        text: &str,
        identifier: &Identifier<'_>,
        purpose: Use,
    ) -> Checked<Found<N, T>> {
        let key = self.key(identifier);
        if let Some(field) = identifier.prefix.and_then(|prefix| (self.numbered)(prefix, key)) {
            let kind = kind_of("metrics");
            return Ok(Found { field, rule: Rule::NUMBER, orderable: true, kind });
        }
        let group = self.group(text, identifier, purpose)?;
        let found = match &group.members {
            Members::Keyed { field, rule, orderable } => {
                let (field, rule, orderable) = (field(key.to_owned()), *rule, *orderable);
                Some(Found { field, rule, orderable, kind: group.kind() })
            }
            Members::Named(attributes) => attributes
                .iter()
                .find(|attribute| attribute.is_called(key, purpose))
                .map(|attribute| attribute.found(group.kind())),
        };
        let usable = |found: &Found<N, T>| match purpose {
            Use::Filter => !found.rule.operators.is_empty(),
            Use::Order => found.orderable,
        };
        match found {
            Some(found) if usable(&found) => Ok(found),
            Some(_) => Err(self.unusable(text, identifier, group, purpose)),
            None => Err(self.unknown_key(text, identifier, group, purpose)),
        }
    }

    /// Returns the field with this name, if results can be ordered by it.
    pub(super) fn attribute(&self, name: &str) -> Result<Field<N, T>> {
        let key = name.trim();
        let span = Span { start: 0, end: name.len() };
        let identifier = Identifier { prefix: None, key, raw_key: key, span };
        let found = self.find(name, &identifier, Use::Order);
        let broken = |_| self.dialect.broken_order(name);
        found.map(|found| found.field).map_err(|problem| problem.into_error(broken, name))
    }

    fn key<'a>(&self, identifier: &Identifier<'a>) -> &'a str {
        match self.quoting {
            Quoting::SingleOnly => identifier.raw_key.trim_matches('`'),
            _ => identifier.key,
        }
    }

    fn group(
        &self,
        text: &str,
        identifier: &Identifier<'_>,
        purpose: Use,
    ) -> Checked<&Group<N, T>> {
        let unknown = || self.unknown_prefix(text, identifier, purpose);
        let Some(prefix) = identifier.prefix else {
            return self.groups.first().ok_or_else(unknown);
        };
        let bare = !written(text, identifier.span).starts_with('`');
        let allowed = bare || self.quoting == Quoting::Free;
        let mut groups = self.groups.iter().chain(self.extras);
        let group = groups.find(|group| allowed && group.prefixes.contains(&prefix));
        group.ok_or_else(unknown)
    }

    #[cold]
    fn unknown_prefix(&self, text: &str, identifier: &Identifier<'_>, purpose: Use) -> Problem {
        let prefix = identifier.prefix.unwrap_or("");
        let prefixes = self.groups.iter().flat_map(|group| group.prefixes.iter().copied());
        let suggestion =
            nearest(prefix, prefixes).map(|near| quoted(&format!("{near}.{}", identifier.raw_key)));
        let canonical = self.groups.iter().filter_map(|group| group.prefixes.first().copied());
        let Span { start, end } = identifier.span;
        let bare = written(text, identifier.span).starts_with(prefix);
        let place = Span { start, end: if bare { start + prefix.len() } else { end } };
        let is_known = self.groups.iter().any(|group| group.prefixes.contains(&prefix));
        let summary = match is_known {
            true => format!("prefix {} cannot be quoted here", quoted(prefix)),
            false => format!("unknown field prefix {}", quoted(prefix)),
        };
        let canonical: Vec<&str> = canonical.collect();
        let sentence = match purpose {
            // This search has no prefixes in orders.
            Use::Order if self.dialect == Dialect::RegisteredModels => {
                let field = Named { kind: "attribute", key: identifier.key };
                self.dialect.not_in_order(field, written(text, identifier.span))
            }
            _ => self.dialect.unknown_prefix(prefix, !bare, &canonical),
        };
        Problem::new(place, summary, listed(canonical)).sentence(sentence).suggest(suggestion)
    }

    /// Returns MLflow's sentence for a field that is not known for this purpose.
    fn unknown(
        &self,
        text: &str,
        identifier: &Identifier<'_>,
        group: &Group<N, T>,
        purpose: Use,
    ) -> String {
        let field = Named { kind: group.kind(), key: identifier.key };
        match purpose {
            Use::Filter => self.dialect.not_in_filter(field),
            Use::Order => self.dialect.not_in_order(field, written(text, identifier.span)),
        }
    }

    #[cold]
    fn unknown_key(
        &self,
        text: &str,
        identifier: &Identifier<'_>,
        group: &Group<N, T>,
        purpose: Use,
    ) -> Problem {
        let names = group.usable_names(purpose);
        if names.is_empty() {
            return self.unusable(text, identifier, group, purpose);
        }
        let summary = format!("unknown field {}", quoted(&respelled(identifier, identifier.key)));
        let problem = Problem::new(identifier.span, summary, listed(names.iter().copied()))
            .sentence(self.unknown(text, identifier, group, purpose));
        match nearest(identifier.key, names) {
            Some(near) => problem.suggest(Some(quoted(&respelled(identifier, near)))),
            None if identifier.prefix.is_none() => problem.suggest(self.with_prefix(identifier)),
            None => problem,
        }
    }

    /// Reports a field that exists but cannot be used for this purpose.
    #[cold]
    fn unusable(
        &self,
        text: &str,
        identifier: &Identifier<'_>,
        group: &Group<N, T>,
        purpose: Use,
    ) -> Problem {
        let verb = match purpose {
            Use::Filter => "filter",
            Use::Order => "order",
        };
        let name = quoted(&respelled(identifier, identifier.key));
        let usable: Vec<String> =
            self.groups.iter().flat_map(|group| group.usable(purpose)).collect();
        let expected = listed(usable.iter().map(String::as_str));
        Problem::new(identifier.span, format!("cannot {verb} by {name}"), expected)
            .sentence(self.unknown(text, identifier, group, purpose))
    }

    /// Suggests prefixes for an unknown name without one: the name may be a metric, param or tag.
    fn with_prefix(&self, identifier: &Identifier<'_>) -> Option<String> {
        let keyed =
            self.groups.iter().filter(|group| matches!(group.members, Members::Keyed { .. }));
        let prefixes: Vec<&str> =
            keyed.filter_map(|group| group.prefixes.first().copied()).collect();
        let names: Vec<String> =
            prefixes.iter().map(|prefix| format!("{prefix}.{}", identifier.raw_key)).collect();
        (!names.is_empty()).then(|| listed(names.iter().map(String::as_str)))
    }
}

/// Returns the identifier as text, with another key.
fn respelled(identifier: &Identifier<'_>, key: &str) -> String {
    match identifier.prefix {
        Some(prefix) => format!("{prefix}.{key}"),
        None => key.to_owned(),
    }
}

/// The purpose of looking up a field.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// A comparison.
    Filter,
    /// An order.
    Order,
}

/// The result of looking up a field.
pub(super) struct Found<N, T> {
    /// The field.
    pub(super) field: Field<N, T>,
    rule: Rule,
    orderable: bool,
    /// MLflow's word for the kind of field.
    kind: &'static str,
}

impl<N, T> Attribute<N, T> {
    /// Returns a field that can be used in filters by this rule, and in orders.
    pub(super) const fn new(
        names: &'static [&'static str],
        field: Field<N, T>,
        rule: Rule,
    ) -> Self {
        Attribute { names, filter_names: &[], field, rule, orderable: true, is_listed: true }
    }

    /// Adds names that are accepted in filters only.
    pub(super) const fn with_filter_names(mut self, names: &'static [&'static str]) -> Self {
        self.filter_names = names;
        self
    }

    /// Excludes the field from orders.
    pub(super) const fn unordered(mut self) -> Self {
        self.orderable = false;
        self
    }

    /// Excludes the field from messages, because MLflow does not have it.
    pub(super) const fn unlisted(mut self) -> Self {
        self.is_listed = false;
        self
    }
}

impl<N, T> Attribute<N, T> {
    fn is_called(&self, key: &str, purpose: Use) -> bool {
        self.names.contains(&key) || (purpose == Use::Filter && self.filter_names.contains(&key))
    }

    fn serves(&self, purpose: Use) -> bool {
        match purpose {
            Use::Filter => !self.rule.operators.is_empty(),
            Use::Order => self.orderable,
        }
    }

    fn found(&self, kind: &'static str) -> Found<N, T>
    where
        N: Clone,
        T: Clone,
    {
        Found { field: self.field.clone(), rule: self.rule, orderable: self.orderable, kind }
    }
}
