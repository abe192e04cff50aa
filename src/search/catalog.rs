//! The table of an entity's fields, and how a comparison becomes a condition by it.

use super::message::{Checked, Problem, listed, quoted};
use super::nearest::nearest;
use super::operand::{Operand, written};
use super::parse;
use super::query::{Condition, Field, Filter, SortKey};
use super::syntax::{Comparison, Expression, Identifier, Operator, Span};
use crate::error::Result;

/// What can be searched and ordered by among entities of one kind.
pub(super) struct Catalog<N: 'static, T: 'static> {
    /// The groups of fields; a bare key is looked up in the first.
    pub(super) groups: &'static [Group<N, T>],
    /// How identifiers and values are unquoted.
    pub(super) quoting: Quoting,
    /// The order when none is given.
    pub(super) default_order: &'static [SortKey<N, T>],
    /// What is appended to a given order unless it is in it.
    pub(super) tie_breaks: &'static [SortKey<N, T>],
}

/// Fields that share their prefixes.
pub(super) struct Group<N: 'static, T: 'static> {
    /// The prefixes, the one that is suggested first.
    pub(super) prefixes: &'static [&'static str],
    /// The fields.
    pub(super) members: Members<N, T>,
}

impl<N, T> Group<N, T> {
    /// Fields with names of their own.
    pub(super) const fn named(
        prefixes: &'static [&'static str],
        attributes: &'static [Attribute<N, T>],
    ) -> Self {
        Group { prefixes, members: Members::Named(attributes) }
    }

    /// A field for any key.
    pub(super) const fn keyed(
        prefixes: &'static [&'static str],
        field: fn(String) -> Field<N, T>,
        rule: Rule,
        orderable: bool,
    ) -> Self {
        Group { prefixes, members: Members::Keyed { field, rule, orderable } }
    }
}

/// Which keys a group has.
pub(super) enum Members<N: 'static, T: 'static> {
    /// Any key at all.
    Keyed {
        /// The field of a key.
        field: fn(String) -> Field<N, T>,
        /// What may be asked of it.
        rule: Rule,
        /// Whether one can order by it.
        orderable: bool,
    },
    /// These and no others.
    Named(&'static [Attribute<N, T>]),
}

/// A field with a name of its own.
pub(super) struct Attribute<N: 'static, T: 'static> {
    /// Its names, the proper one first.
    pub(super) names: &'static [&'static str],
    /// Further names that only filters know.
    pub(super) filter_names: &'static [&'static str],
    /// The field.
    pub(super) field: Field<N, T>,
    /// What may be asked of it.
    pub(super) rule: Rule,
    /// Whether one can order by it.
    pub(super) orderable: bool,
}

/// Which operators a field takes, and what kind of value.
#[derive(Clone, Copy)]
pub(super) struct Rule {
    /// The operators; of a field that cannot be searched there are none.
    pub(super) operators: &'static [Operator],
    /// The values.
    pub(super) values: ValueKind,
}

/// What kind of value a field is compared with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ValueKind {
    /// Any number.
    Number,
    /// A whole number.
    Integer,
    /// A whole number in quotes.
    QuotedInteger,
    /// Any number, or a whole one in quotes.
    NumberOrQuotedInteger,
    /// Quoted text.
    Text,
}

/// How identifiers and values are unquoted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Quoting {
    /// Keys in backticks or quotes, prefixes in backticks, values in either quotes.
    Free,
    /// As before, but prefixes stand bare.
    BarePrefixes,
    /// Keys in backticks only; of values `'` is stripped, and all else belongs to them.
    SingleOnly,
}

use Operator::{
    Equal, Greater, GreaterOrEqual, ILike, In, IsNotNull, IsNull, Less, LessOrEqual, Like,
    NotEqual, NotIn,
};

/// The operators of numbers.
pub(super) const NUMERIC: &[Operator] =
    &[Equal, NotEqual, Less, LessOrEqual, Greater, GreaterOrEqual];

impl Rule {
    /// A number.
    pub(super) const NUMBER: Rule = Rule { operators: NUMERIC, values: ValueKind::Number };
    /// Text that is compared with one text.
    pub(super) const TEXT: Rule =
        Rule { operators: &[Equal, NotEqual, Like, ILike], values: ValueKind::Text };
    /// Text that is compared with one text or a list.
    pub(super) const TEXT_OR_LIST: Rule =
        Rule { operators: &[Equal, NotEqual, Like, ILike, In, NotIn], values: ValueKind::Text };
    /// Text that may be missing.
    pub(super) const OPTIONAL_TEXT: Rule = Rule {
        operators: &[Equal, NotEqual, Like, ILike, IsNull, IsNotNull],
        values: ValueKind::Text,
    };
    /// What one can order by but not search.
    pub(super) const NONE: Rule = Rule { operators: &[], values: ValueKind::Number };
}

impl<N: Clone, T: Clone> Catalog<N, T> {
    /// Reads a filter; what is wrong with it is [`crate::ErrorKind::InvalidInput`].
    pub(super) fn filter(&self, text: &str) -> Result<Filter<N, T>> {
        let filter = parse::parse_filter(text).and_then(|tree| {
            let mut conditions = Vec::new();
            self.push_conditions(text, &tree, &mut conditions)?;
            Ok(Filter { conditions })
        });
        filter.map_err(|problem| problem.into_error("filter", text))
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
        if !found.rule.operators.contains(&comparison.operator) {
            let name = written(text, comparison.identifier.span);
            let what = format!("{} does not take {}", quoted(name), comparison.operator);
            let operators = found.rule.operators.iter().map(|operator| operator.as_str());
            let problem = Problem::new(comparison.operator_span, what, listed(operators));
            return Err(problem);
        }
        let operand = Operand::new(text, comparison, found.rule, self.quoting);
        match found.field {
            Field::Number(field) => Ok(Condition::Number(field, operand.number_test()?)),
            Field::Text(field) => Ok(Condition::Text(field, operand.text_test()?)),
        }
    }

    /// The field that an identifier names.
    pub(super) fn find(
        &self,
        text: &str,
        identifier: &Identifier<'_>,
        purpose: Use,
    ) -> Checked<Found<N, T>> {
        let group = self.group(text, identifier)?;
        let key = self.key(identifier);
        let found = match &group.members {
            Members::Keyed { field, rule, orderable } => {
                Some(Found { field: field(key.to_owned()), rule: *rule, orderable: *orderable })
            }
            Members::Named(attributes) => {
                attributes.iter().find(|it| it.is_called(key, purpose)).map(Attribute::found)
            }
        };
        let usable = |found: &Found<N, T>| match purpose {
            Use::Filter => !found.rule.operators.is_empty(),
            Use::Order => found.orderable,
        };
        match found {
            Some(found) if usable(&found) => Ok(found),
            _ => Err(self.unknown_key(identifier, group, purpose)),
        }
    }

    /// The field of this name that can be ordered by.
    pub(super) fn attribute(&self, name: &str) -> Result<Field<N, T>> {
        let key = name.trim();
        let span = Span { start: 0, end: name.len() };
        let identifier = Identifier { prefix: None, key, raw_key: key, span };
        let found = self.find(name, &identifier, Use::Order);
        found.map(|found| found.field).map_err(|problem| problem.into_error("order", name))
    }

    fn key<'a>(&self, identifier: &Identifier<'a>) -> &'a str {
        match self.quoting {
            Quoting::SingleOnly => identifier.raw_key.trim_matches('`'),
            _ => identifier.key,
        }
    }

    fn group(&self, text: &str, identifier: &Identifier<'_>) -> Checked<&Group<N, T>> {
        let Some(prefix) = identifier.prefix else {
            return self.groups.first().ok_or_else(|| self.unknown_prefix(identifier));
        };
        let bare = !written(text, identifier.span).starts_with('`');
        let allowed = bare || self.quoting == Quoting::Free;
        let group = self.groups.iter().find(|group| allowed && group.prefixes.contains(&prefix));
        group.ok_or_else(|| self.unknown_prefix(identifier))
    }

    #[cold]
    fn unknown_prefix(&self, identifier: &Identifier<'_>) -> Problem {
        let prefix = identifier.prefix.unwrap_or("");
        let prefixes = self.groups.iter().flat_map(|group| group.prefixes.iter().copied());
        let meant = nearest(prefix, prefixes);
        let proper = self.groups.iter().filter_map(|group| group.prefixes.first().copied());
        let what = format!("{} is no kind of field", quoted(prefix));
        let problem = Problem::new(identifier.span, what, listed(proper));
        problem.suggest(meant.map(|meant| quoted(&format!("{meant}.{}", identifier.raw_key))))
    }

    #[cold]
    fn unknown_key(
        &self,
        identifier: &Identifier<'_>,
        group: &Group<N, T>,
        purpose: Use,
    ) -> Problem {
        let prefix = group.prefixes.first().copied().unwrap_or("field");
        let attributes = match &group.members {
            Members::Named(attributes) => *attributes,
            Members::Keyed { .. } => &[],
        };
        let usable = attributes.iter().filter(|attribute| attribute.serves(purpose));
        let names: Vec<&str> = usable.filter_map(|it| it.names.first().copied()).collect();
        let verb = match purpose {
            Use::Filter => "searched",
            Use::Order => "ordered by",
        };
        let what =
            format!("{} is not among the {prefix} that can be {verb}", quoted(identifier.key));
        let problem = Problem::new(identifier.span, what, listed(names.iter().copied()));
        match nearest(identifier.key, names) {
            Some(meant) => problem.suggest(Some(quoted(&respelled(identifier, meant)))),
            None if identifier.prefix.is_none() => problem.suggest(self.with_prefix(identifier)),
            None => problem,
        }
    }

    /// What a bare name that is no attribute probably means: a key of a group that takes any.
    fn with_prefix(&self, identifier: &Identifier<'_>) -> Option<String> {
        let keyed = self.groups.iter().filter(|it| matches!(it.members, Members::Keyed { .. }));
        let prefixes: Vec<&str> = keyed.filter_map(|it| it.prefixes.first().copied()).collect();
        let names: Vec<String> =
            prefixes.iter().map(|prefix| format!("{prefix}.{}", identifier.raw_key)).collect();
        (!names.is_empty()).then(|| listed(names.iter().map(String::as_str)))
    }
}

/// The identifier with another key.
fn respelled(identifier: &Identifier<'_>, key: &str) -> String {
    match identifier.prefix {
        Some(prefix) => format!("{prefix}.{key}"),
        None => key.to_owned(),
    }
}

/// What a field is looked up for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// To be compared.
    Filter,
    /// To be ordered by.
    Order,
}

/// A field that was looked up.
pub(super) struct Found<N, T> {
    /// The field.
    pub(super) field: Field<N, T>,
    rule: Rule,
    orderable: bool,
}

impl<N, T> Attribute<N, T> {
    /// A field that can be searched by this rule, and ordered by.
    pub(super) const fn new(
        names: &'static [&'static str],
        field: Field<N, T>,
        rule: Rule,
    ) -> Self {
        Attribute { names, filter_names: &[], field, rule, orderable: true }
    }

    /// The same with further names that only filters know.
    pub(super) const fn with_filter_names(mut self, names: &'static [&'static str]) -> Self {
        self.filter_names = names;
        self
    }

    /// The same, but not to be ordered by.
    pub(super) const fn unordered(mut self) -> Self {
        self.orderable = false;
        self
    }
}

impl<N: Clone, T: Clone> Attribute<N, T> {
    fn is_called(&self, key: &str, purpose: Use) -> bool {
        self.names.contains(&key) || (purpose == Use::Filter && self.filter_names.contains(&key))
    }

    fn serves(&self, purpose: Use) -> bool {
        match purpose {
            Use::Filter => !self.rule.operators.is_empty(),
            Use::Order => self.orderable,
        }
    }

    fn found(&self) -> Found<N, T> {
        Found { field: self.field.clone(), rule: self.rule, orderable: self.orderable }
    }
}
