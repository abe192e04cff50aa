import { BINDINGS, type Binding } from "../keys";
import { file } from "../file";
import { bytes, count } from "../format";
import { base } from "../api";
import { Dialog, helpOpen } from "./dialogs";

function Keys({ title, bindings }: { title: string; bindings: readonly Binding[] }) {
  return (
    <section>
      <h3>{title}</h3>
      <dl>
        {bindings.map(({ keys, words }) => (
          <div key={keys}>
            <dt>{keys.split(/[ -]/).map((key) => <kbd key={key}>{key}</kbd>)}</dt>
            <dd>{words}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

export function Help() {
  if (!helpOpen.value) return null;
  const info = file.value;
  return (
    <Dialog title="Keyboard and mouse" class="help" close={() => (helpOpen.value = false)}>
      <div class="help-body">
        <Keys title="Everywhere" bindings={BINDINGS.filter(({ where }) => where === "everywhere")} />
        <Keys title="Runs" bindings={BINDINGS.filter(({ where }) => where === "runs")} />
        <section>
          <h3>Mouse</h3>
          <dl>
            <div><dt>drag on a chart</dt><dd>zoom the x axis of all charts</dd></div>
            <div><dt><kbd>Shift</kbd> drag</dt><dd>zoom the y axis</dd></div>
            <div><dt><kbd>Ctrl</kbd> wheel</dt><dd>zoom around the pointer</dd></div>
            <div><dt>double click</dt><dd>fit</dd></div>
            <div><dt>click on a chart</dt><dd>keep the table of values</dd></div>
            <div><dt><kbd>Ctrl</kbd> click on a line</dt><dd>details of the run</dd></div>
            <div><dt>right click on a cell</dt><dd>filter by its value</dd></div>
            <div><dt><kbd>Shift</kbd> click on a head</dt><dd>sort by a further column</dd></div>
          </dl>
          {info ? (
            <p class="note">
              tracklite {info.version}. {count(info.runs)} runs, {count(info.points)} points, {bytes(info.bytes)}.{" "}
              <a href={new URL("assets/notices.txt", base).href} target="_blank" rel="noopener">Third-party notices</a>
            </p>
          ) : null}
        </section>
      </div>
    </Dialog>
  );
}
