// Angular: what to copy. An interceptor, a guard, and the state as a signal.
import { type HttpInterceptorFn, HttpErrorResponse } from "@angular/common/http";
import { Injectable, InjectionToken, inject, signal } from "@angular/core";
import { type CanActivateFn, Router } from "@angular/router";
import { type Client, type State, hasRole } from "@watchword/client";
import { catchError, from, switchMap, throwError } from "rxjs";

/** The client: `{ provide: AUTH_CLIENT, useValue: createClient(…) }`. */
export const AUTH_CLIENT = new InjectionToken<Client>("AUTH_CLIENT");

/** Who is signed in, for templates. */
@Injectable({ providedIn: "root" })
export class Auth {
  readonly client = inject(AUTH_CLIENT);
  readonly state = signal<State>(this.client.state);

  constructor() {
    this.client.onChange((state) => this.state.set(state));
    this.client.ready().catch((error) => console.error(error));
  }
}

/**
 * Sends the access token to the origins that the client trusts. A request that is
 * refused is sent again once with another; however many are refused at once, one
 * refresh is sent.
 */
export const authInterceptor: HttpInterceptorFn = (request, next) => {
  const client = inject(AUTH_CLIENT);
  if (!client.trusts(request.urlWithParams) || request.headers.has("Authorization")) return next(request);
  const send = (token: string) => next(request.clone({ setHeaders: { Authorization: `Bearer ${token}` } }));
  return from(client.getAccessToken()).pipe(
    switchMap((token) => {
      if (token === undefined) return next(request);
      return send(token).pipe(
        catchError((error: unknown) => {
          if (!(error instanceof HttpErrorResponse && error.status === 401)) return throwError(() => error);
          return from(client.replace(token)).pipe(
            switchMap((another) => (another === undefined ? throwError(() => error) : send(another))),
          );
        }),
      );
    }),
  );
};

/** Lets through who is signed in and, if a role is named, has it. */
export function authGuard(role?: string): CanActivateFn {
  return async (_, to) => {
    const [client, router] = [inject(AUTH_CLIENT), inject(Router)];
    const { status, user } = await client.ready();
    if (status !== "signed-in") return router.createUrlTree(["/sign-in"], { queryParams: { returnTo: to.url } });
    return role === undefined || hasRole(user, role) || router.createUrlTree(["/forbidden"]);
  };
}
