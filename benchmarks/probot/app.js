// The least that a Probot app can do with a comment: check the signature, parse, call a handler that does nothing.
import { run } from "probot";

run((app) => {
  app.on("issue_comment.created", async () => {});
});
