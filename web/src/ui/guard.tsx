import { Component, type ComponentChildren } from "preact";
import { messageOf } from "../api";
import { ErrorNote } from "./parts";

interface GuardState {
  error: unknown;
}

/** Keeps a failure of one part of the page in its place, so that the other parts go on. */
export class Guard extends Component<{ children: ComponentChildren }, GuardState> {
  override state: GuardState = { error: null };

  static override getDerivedStateFromError(error: unknown): GuardState {
    return { error };
  }

  override render() {
    if (this.state.error === null) return this.props.children;
    const message = `This part of the page failed: ${messageOf(this.state.error)}`;
    return <ErrorNote message={message} retry={() => this.setState({ error: null })} />;
  }
}
