// Runs before every page (Next.js before 16 calls it middleware.ts): refreshes once,
// hands the cookies on whatever the page is, and gives the access token to all that
// render it.
import { type NextRequest, NextResponse } from "next/server";
import { auth } from "./auth";

export async function proxy(request: NextRequest) {
  const { status, accessToken, setCookie, again } = await auth.navigate(request);
  // What a browser claims to be is dropped. What counts is the token, which every
  // API checks; a header that said "signed in" would be for anybody to forge.
  const headers = new Headers(request.headers);
  headers.delete("authorization");
  if (accessToken) headers.set("authorization", `Bearer ${accessToken}`);

  let response = NextResponse.next({ request: { headers } });
  if (again) response = NextResponse.redirect(request.nextUrl, 307);
  else if (status === "unknown")
    response = new NextResponse("One moment, please. You are still signed in.", { status: 503, headers: { "Retry-After": "2" } });
  for (const cookie of setCookie) response.headers.append("Set-Cookie", cookie);
  return response;
}

export const config = { matcher: ["/((?!_next/|api/|login$|refresh$|logout$).*)"] };
