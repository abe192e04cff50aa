import { now } from "../clock";
import { file, readOnlyReason } from "../file";
import { age, cut } from "../format";
import { link } from "../store";
import type { SavedView } from "../types";
import { Button, Empty } from "../ui/parts";
import { openView } from "../links";
import { removeView, views } from "./viewmenu";

function ViewLine({ saved }: { saved: SavedView }) {
  const { name, author, revision, updated } = saved;
  const reason = readOnlyReason(file.value);
  return (
    <tr>
      <th scope="row"><Button label={`Open ${name}`} words={cut(name, 100)} class="link" onClick={() => void openView(name)} /></th>
      <td><bdi>{cut(author ?? "", 40)}</bdi></td>
      <td class="numeric">{revision}</td>
      <td class="numeric">{updated === null ? "" : `${age(now.value - updated)} ago`}</td>
      <td class="row-actions"><Button icon="trash" label={`Delete the view ${name}`} class="tiny" disabled={reason !== null} reason={reason ?? ""} onClick={() => void removeView(saved)} /></td>
    </tr>
  );
}

/** The named views that the file keeps. */
export function Views() {
  const known = views.value;
  if (known === null) return null;
  if (known.length === 0) {
    return <Empty icon="views" title="No views yet"><p>Arrange the <a href={link(["runs"])}>runs</a> as you like them, and keep that with the button <b>View</b>.</p></Empty>;
  }
  return (
    <div class="page">
      <div class="bar"><h2>Views</h2></div>
      <div class="scroll padded">
        <table class="list">
          <thead><tr><th>Name</th><th>Author</th><th class="numeric">Revision</th><th class="numeric">Changed</th><th /></tr></thead>
          <tbody>{known.map((saved) => <ViewLine key={saved.name} saved={saved} />)}</tbody>
        </table>
      </div>
    </div>
  );
}
