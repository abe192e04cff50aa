//! Expressions in plain English.

use crate::schedule::CronExpression;

#[test]
fn expressions_are_explained() {
    for (expression, words) in [
        ("0 0 6 * * ?", "at 06:00 every day"),
        ("30 15 10 ? * *", "at 10:15:30 every day"),
        ("0 0 6,18 * * ?", "at 06:00 and 18:00 every day"),
        ("0 0,30 9 ? * MON-FRI", "at 09:00 and 09:30 on Monday to Friday"),
        ("* * * * * ?", "every second"),
        ("0/10 * * * * ?", "every 10 seconds"),
        ("0 * * * * ?", "every minute"),
        ("0 0/15 * * * ?", "every 15 minutes"),
        ("0 0 * * * ?", "every hour"),
        ("0 0 0/2 * * ?", "every 2 hours"),
        ("0 0 9-17 ? * 2-6", "every hour from 09:00 to 17:00 on Monday to Friday"),
        ("0 0/5 14 * * ?", "every 5 minutes from 14:00 to 14:55 every day"),
        ("0 5,35 * * * ?", "at minutes 5 and 35 of every hour"),
        (
            "0 5/10 8-9 * * ?",
            "at minutes 5, 15, 25, 35, 45 and 55 of each hour from 08:00 to 09:55 every day",
        ),
        ("0 0/15 22-2 * * ?", "every 15 minutes of hours 0 to 2, 22 and 23 every day"),
        ("5 * * * * ?", "at second 5 of every minute"),
        ("0/30 0/5 * * * ?", "every 30 seconds of every 5th minute"),
        ("0 0 12 1,15 * ?", "at 12:00 on the 1st and 15th of the month"),
        ("0 0 12 1-5,22 1 ?", "at 12:00 on the 1st to 5th and 22nd of January"),
        ("0 0 12 L * ?", "at 12:00 on the last day of the month"),
        ("0 0 12 LW * ?", "at 12:00 on the last workday of the month"),
        ("0 0 12 L-3 * ?", "at 12:00 on the 3rd day before the last of the month"),
        (
            "0 0 12 L-3W * ?",
            "at 12:00 on the workday nearest to the 3rd day before the last of the month",
        ),
        ("0 0 12 15W * ?", "at 12:00 on the workday nearest to the 15th of the month"),
        ("0 0 12 ? * 6L", "at 12:00 on the last Friday of the month"),
        ("0 0 12 ? * 6#3", "at 12:00 on the third Friday of the month"),
        ("0 0 12 ? JAN,JUL MON", "at 12:00 on Monday in January and July"),
        ("0 0 12 * 6-8 ?", "at 12:00 every day in June to August"),
        ("0 0 12 1 1 ? 2027", "at 12:00 on the 1st of January in 2027"),
        ("0 0 12 * * ? 2027-2029", "at 12:00 every day in 2027 to 2029"),
        ("0 0 12 * * ? 2027/2", "at 12:00 every day every 2 years from 2027 on"),
        ("0 0 12 * * ? 2027/1", "at 12:00 every day from 2027 on"),
        ("0 0 * * * ? 2027", "every hour every day in 2027"),
    ] {
        let parsed = CronExpression::parse(expression).expect(expression);
        assert_eq!(parsed.explain(), words, "{expression}");
    }
}
