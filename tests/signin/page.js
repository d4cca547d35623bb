// Shared by both pages: buttons, output, and the call for a token of ACS.
"use strict";

const page = {
  element: (id) => document.getElementById(id),

  show(status, user, answer) {
    page.element("user").textContent = JSON.stringify(user);
    page.element("answer").textContent = JSON.stringify(answer ?? null);
    page.element("status").textContent = status;
  },

  async run(action) {
    page.element("status").textContent = "busy";
    try {
      await action();
    } catch (error) {
      page.show(`failed: ${error.name}: ${error.message}`, null);
    }
  },

  onClick: (id, action) => page.element(id).addEventListener("click", () => page.run(action)),

  /** Gets a token of ACS for the signed-in user. */
  async acsToken(functions, accessToken) {
    const headers = { Authorization: `Bearer ${accessToken}` };
    const answer = await fetch(`${functions}/me/token`, { method: "POST", headers });
    return { status: answer.status, body: await answer.json() };
  },
};
