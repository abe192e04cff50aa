//! The calls that make up a sequence.

use proptest::prelude::*;

/// Which of the two processes makes the call.
pub type Who = bool;
/// An experiment, run or key, as a number modulo their count.
pub type Choice = u8;

/// How a point is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `Run::log_metric`: by name, now.
    ByName,
    /// `Metric::log_at`.
    ByHandle,
    /// `Metric::log_points`: several points at once.
    Array,
    /// `Run::log_metrics`: a row by names, now.
    RowByName,
    /// `MetricRow::log_at`.
    Row,
    /// `Metric::log_at`, often enough to fill extents.
    Bulk,
}

/// One call of the API, or an event outside of it.
#[derive(Clone, Debug)]
pub enum Call {
    CreateExperiment(Who, Choice),
    RenameExperiment(Who, Choice, Choice),
    DeleteExperiment(Who, Choice),
    RestoreExperiment(Who, Choice),
    SetExperimentTag(Who, Choice, Choice),
    DeleteExperimentTag(Who, Choice, Choice),
    StartRun {
        who: Who,
        experiment: Choice,
        parent: Option<Choice>,
        param: Option<Choice>,
    },
    LogParam(Who, Choice, Choice, bool),
    SetTag(Who, Choice, Choice, Choice),
    DeleteTag(Who, Choice, Choice),
    SetName(Who, Choice, Choice),
    SetStatus(Who, Choice, u8),
    Log {
        who: Who,
        run: Choice,
        key: Choice,
        method: Method,
        step: i64,
        time: i64,
        value: f64,
    },
    Finish(Who, Choice),
    Resume(Who, Choice),
    DeleteRun(Who, Choice),
    RestoreRun(Who, Choice),
    Gc(Who),
    Tick(Who),
    Sync(Who),
    Compare(Who),
    Close(Who),
    Kill(Who),
    /// All processes end as by `kill -9`, and the machine restarts.
    Reboot,
    /// The power fails after this process has synced.
    PowerCut(Who),
    /// The process dies at the Nth storage call within this call.
    DieIn(Who, u64, Box<Call>),
    DeleteIndex,
    Backup(Who),
    Vacuum,
    Salvage,
}

impl Call {
    /// Returns the same call, made by this process.
    fn by(mut self, by: Who) -> Self {
        use Call::*;
        match &mut self {
            RenameExperiment(who, ..)
            | DeleteExperiment(who, ..)
            | RestoreExperiment(who, ..)
            | SetExperimentTag(who, ..)
            | DeleteExperimentTag(who, ..)
            | LogParam(who, ..)
            | SetTag(who, ..)
            | DeleteTag(who, ..)
            | SetName(who, ..)
            | SetStatus(who, ..)
            | Log { who, .. }
            | Resume(who, ..)
            | DeleteRun(who, ..)
            | RestoreRun(who, ..)
            | Gc(who)
            | Tick(who) => *who = by,
            _ => {}
        }
        self
    }
}

fn step() -> impl Strategy<Value = i64> {
    prop_oneof![6 => -3_i64..20, 1 => Just(i64::MAX), 1 => Just(i64::MIN), 1 => any::<i64>()]
}

/// Explicit times. They are never in the years of calls without a time.
fn time() -> impl Strategy<Value = i64> {
    let early = i64::MIN..1_700_000_000_000_000_000;
    let usual = 1_700_000_000_000_000_000..1_700_000_000_000_000_100_i64;
    prop_oneof![6 => usual, 1 => Just(i64::MAX), 1 => Just(i64::MIN), 1 => early]
}

fn value() -> impl Strategy<Value = f64> {
    let special = prop::sample::select(vec![
        0.0,
        -0.0,
        f64::NAN,
        -f64::NAN,
        f64::from_bits(0x7FF0_0000_0000_0001),
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::MIN_POSITIVE / 2.0,
        f64::MAX,
    ]);
    prop_oneof![4 => -10.0..10.0_f64, 2 => special, 1 => any::<u64>().prop_map(f64::from_bits)]
}

fn any_method() -> impl Strategy<Value = Method> {
    prop_oneof![
        14 => atomic_method(),
        3 => Just(Method::Array),
        1 => Just(Method::Bulk),
    ]
}

/// Methods that log all points atomically.
fn atomic_method() -> impl Strategy<Value = Method> {
    prop_oneof![
        3 => Just(Method::ByName),
        4 => Just(Method::ByHandle),
        3 => Just(Method::RowByName),
        4 => Just(Method::Row),
    ]
}

fn log(method: impl Strategy<Value = Method>) -> impl Strategy<Value = Call> {
    (any::<Who>(), any::<Choice>(), 0..4_u8, method, step(), time(), value()).prop_map(
        |(who, run, key, method, step, time, value)| Call::Log {
            who,
            run,
            key,
            method,
            step,
            time,
            value,
        },
    )
}

fn start_run() -> impl Strategy<Value = Call> {
    let parent = prop::option::weighted(0.3, any::<Choice>());
    let param = prop::option::weighted(0.5, 0..3_u8);
    (any::<Who>(), any::<Choice>(), parent, param).prop_map(|(who, experiment, parent, param)| {
        Call::StartRun { who, experiment, parent, param }
    })
}

/// A change in one frame, which is atomic.
fn change() -> impl Strategy<Value = Call> {
    use Call::*;
    let who = any::<Who>;
    let choice = any::<Choice>;
    let few = || 0..4_u8;
    prop_oneof![
        1 => (who(), choice(), few()).prop_map(|(who, of, to)| RenameExperiment(who, of, to)),
        1 => (who(), choice()).prop_map(|(who, of)| DeleteExperiment(who, of)),
        1 => (who(), choice()).prop_map(|(who, of)| RestoreExperiment(who, of)),
        1 => (who(), choice(), few()).prop_map(|(who, of, key)| SetExperimentTag(who, of, key)),
        1 => (who(), choice(), few()).prop_map(|(who, of, key)| DeleteExperimentTag(who, of, key)),
        3 => (who(), choice(), few(), any::<bool>())
            .prop_map(|(who, run, key, other)| LogParam(who, run, key, other)),
        2 => (who(), choice(), few(), few())
            .prop_map(|(who, run, key, value)| SetTag(who, run, key, value)),
        1 => (who(), choice(), few()).prop_map(|(who, run, key)| DeleteTag(who, run, key)),
        1 => (who(), choice(), few()).prop_map(|(who, run, name)| SetName(who, run, name)),
        1 => (who(), choice(), 0..5_u8).prop_map(|(who, run, to)| SetStatus(who, run, to)),
        1 => (who(), choice()).prop_map(|(who, run)| Resume(who, run)),
        2 => (who(), choice()).prop_map(|(who, run)| DeleteRun(who, run)),
        1 => (who(), choice()).prop_map(|(who, run)| RestoreRun(who, run)),
    ]
}

/// A call during which its process dies.
fn fatal() -> impl Strategy<Value = Call> {
    let call = prop_oneof![
        4 => change(),
        4 => log(atomic_method()),
        1 => any::<Who>().prop_map(Call::Gc),
        1 => any::<Who>().prop_map(Call::Tick),
    ];
    (any::<Who>(), 1..40_u64, call)
        .prop_map(|(who, nth, call)| Call::DieIn(who, nth, Box::new(call.by(who))))
}

/// Any call. Frequent ones have a higher weight.
pub fn call() -> impl Strategy<Value = Call> {
    use Call::*;
    let who = any::<Who>;
    let choice = any::<Choice>;
    let upkeep = prop_oneof![
        2 => who().prop_map(Gc),
        4 => who().prop_map(Tick),
        1 => who().prop_map(Sync),
        3 => who().prop_map(Compare),
        2 => who().prop_map(Close),
        3 => who().prop_map(Kill),
        1 => Just(Reboot),
        1 => who().prop_map(PowerCut),
        4 => fatal(),
        1 => (who(), choice()).prop_map(|(who, run)| Finish(who, run)),
        1 => Just(DeleteIndex),
        1 => who().prop_map(Backup),
        1 => Just(Vacuum),
        1 => Just(Salvage),
    ];
    let create = (who(), 0..4_u8).prop_map(|(who, path)| CreateExperiment(who, path));
    let log = log(any_method());
    prop_oneof![2 => create, 5 => start_run(), 20 => log, 12 => change(), 14 => upkeep]
}
