// Answers questions about schedules with Quartz itself: the judge of tests/quartz.
//
// Each line of standard input is a question, with tabs between its parts:
//
//   next  ZONE  MILLISECONDS  COUNT  EXPRESSION   the next fires, in milliseconds since 1970
//   zone  ID    FROM  TO  STEP                    the offsets from UTC, in milliseconds
//   zones                                         the ids of all zones
//
// The answer is one line: numbers with spaces between them, or `!` and why there are none. It is
// `?` if Quartz has no answer after some seconds: it searches some fires in an endless loop.

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.text.ParseException;
import java.util.Date;
import java.util.TimeZone;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.quartz.CronExpression;

class Fires {
    private static final long SECONDS_MAX = 10;
    private static ExecutorService worker = newWorker();

    public static void main(String[] arguments) throws Exception {
        BufferedReader questions =
            new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream answers = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        String line;
        while ((line = questions.readLine()) != null) {
            String[] parts = line.split("\t", 5);
            switch (parts[0]) {
                case "next":
                    answers.println(nextInTime(parts));
                    break;
                case "zone":
                    answers.println(offsets(parts));
                    break;
                default:
                    answers.println(String.join(" ", TimeZone.getAvailableIDs()));
            }
        }
        answers.flush();
    }

    private static ExecutorService newWorker() {
        return Executors.newSingleThreadExecutor(task -> {
            Thread thread = new Thread(task);
            thread.setDaemon(true);
            return thread;
        });
    }

    private static String nextInTime(String[] parts) throws Exception {
        try {
            return worker.submit(() -> next(parts)).get(SECONDS_MAX, TimeUnit.SECONDS);
        } catch (TimeoutException endless) {
            // The thread cannot be stopped. It ends with the process.
            worker = newWorker();
            return "?";
        }
    }

    private static String next(String[] parts) {
        StringBuilder fires = new StringBuilder();
        try {
            CronExpression expression = new CronExpression(parts[4]);
            expression.setTimeZone(TimeZone.getTimeZone(parts[1]));
            Date time = new Date(Long.parseLong(parts[2]));
            for (int count = Integer.parseInt(parts[3]); count > 0; count--) {
                time = expression.getTimeAfter(time);
                if (time == null) {
                    break;
                }
                fires.append(time.getTime()).append(' ');
            }
        } catch (ParseException | RuntimeException refusal) {
            return "!" + String.valueOf(refusal.getMessage()).replace('\n', ' ');
        }
        return fires.toString().trim();
    }

    private static String offsets(String[] parts) {
        TimeZone zone = TimeZone.getTimeZone(parts[1]);
        long last = Long.parseLong(parts[3]);
        long step = Long.parseLong(parts[4]);
        StringBuilder offsets = new StringBuilder();
        for (long time = Long.parseLong(parts[2]); time <= last; time += step) {
            offsets.append(zone.getOffset(time)).append(' ');
        }
        return offsets.toString().trim();
    }
}
