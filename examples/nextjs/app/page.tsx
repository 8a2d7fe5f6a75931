import { headers } from "next/headers";
import { watchword } from "../auth";
import { SignIn, SignOut } from "./sign-in";

interface Me {
  username: string;
  roles: string[];
}

/** Who is signed in, asked on their behalf: the token never enters the page. */
async function whoIsIt(): Promise<Me | undefined> {
  const authorization = (await headers()).get("authorization");
  if (!authorization) return undefined;
  const response = await fetch(`${watchword}/api/auth/me`, { headers: { authorization }, cache: "no-store" });
  return response.ok ? ((await response.json()) as Me) : undefined;
}

async function Roles() {
  const me = await whoIsIt(); // rendered at the same time as the page: the same token, no refresh
  return <p role="status">Roles: {me?.roles.join(", ")}</p>;
}

export default async function Page() {
  const me = await whoIsIt();
  if (!me) return <SignIn />;
  return (
    <main>
      <p>
        Signed in as <b>{me.username}</b>.
      </p>
      <Roles />
      <SignOut />
    </main>
  );
}
